/** Carillon as it ships: the built libs, the migrated schema, an engine as a worker process has it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Workbench } from '../../dist/bench/workbench.js';

export async function openCarillon(db) {
  const bench = await Workbench.on(db);
  const idle = bench.engine({ noop: async () => undefined }); // its client only
  let client = idle.client;
  return {
    name: 'Carillon',
    enqueue: () => client.enqueueGathered(bench.request()),
    enqueueMany: (count) =>
      client.enqueue(
        db.engine,
        Array.from({ length: count }, () => bench.request()),
      ),
    analyze: () => db.owner.query('vacuum (analyze) background_jobs, job_ready'),
    async work(handler) {
      const running = bench.engine({ noop: async (payload) => handler(payload) });
      await running.start();
      client = running.client;
      return async () => {
        await running.stop();
        client = idle.client;
      };
    },
    async unfinished() {
      const { rows } = await db.owner.query(
        'select (select count(*) from job_ready)::int + (select count(*) from job_claims)::int jobs',
      );
      return rows[0].jobs;
    },
    async empty() {
      await bench.empty();
      await delay(10);
    },
    close: async () => {},
  };
}
