/** graphile-worker, with its local queue and grouped completion switched on: without them the drain is a third. It deletes finished jobs. */
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import pg from 'pg';

const logger = new Logger(() => () => undefined);

export async function openGraphileWorker(url) {
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  const spec = { identifier: 'noop', payload: { n: 1 } };
  return {
    name: 'graphile-worker',
    enqueue: () => utils.addJob('noop', { n: 1 }),
    enqueueMany: (count) => utils.addJobs(Array.from({ length: count }, () => spec)),
    analyze: () => pool.query('vacuum (analyze) graphile_worker._private_jobs'),
    async work(handler) {
      const runner = await run({
        pgPool: pool,
        taskList: { noop: handler },
        noHandleSignals: true,
        preset: {
          worker: {
            concurrentJobs: 100,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
            logger,
          },
        },
      });
      return () => runner.stop();
    },
    async unfinished() {
      const { rows } = await pool.query('select count(*)::int jobs from graphile_worker._private_jobs');
      return rows[0].jobs;
    },
    empty: () => pool.query('truncate graphile_worker._private_jobs'),
    async close() {
      await utils.release();
      await pool.end();
    },
  };
}
