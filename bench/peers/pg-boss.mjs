/** pg-boss with full-batch bursts, NOTIFY and an analysed table: without the first and last its drain falls to 70 jobs/s. */
import { PgBoss } from 'pg-boss';
import pg from 'pg';

export async function openPgBoss(url) {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  const boss = new PgBoss({ connectionString: url, max: 10, useListenNotify: true });
  boss.on('error', () => undefined);
  boss.on('warning', () => undefined);
  await boss.start();
  await boss.createQueue('noop', { notify: true });
  return {
    name: 'pg-boss',
    enqueue: () => boss.send('noop', { n: 1 }),
    enqueueMany: (count) =>
      boss.insert(
        'noop',
        Array.from({ length: count }, () => ({ data: { n: 1 } })),
      ),
    analyze: () => pool.query('vacuum (analyze)'),
    async work(handler) {
      const id = await boss.work(
        'noop',
        { batchSize: 1_000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
        (jobs) => Promise.all(jobs.map(handler)).then(() => undefined),
      );
      return () => boss.offWork('noop', { id });
    },
    async unfinished() {
      const { rows } = await pool.query(`select count(*)::int jobs from pgboss.job where state < 'completed'`);
      return rows[0].jobs;
    },
    empty: () => boss.deleteAllJobs('noop'),
    async close() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
}
