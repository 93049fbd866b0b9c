/** What a claim costs when the planner knows nothing, and when dead rows may not be removed (cases 14 and 16). Counted in blocks, not in time. */
import { setTimeout as delay } from 'node:timers/promises';
import { claimJobs, registerWorker } from '../../libs/job-engine/job-store/index.js';
import { full, patienceMs, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(3 * patienceMs);

describe('the cost of a claim', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
    await fleet.enqueueOne({ jobType: 'work', runAt: new Date('2100-01-01T00:00:00Z') }); // makes the queue
  });
  afterEach(() => fleet.close());

  /** Blocks of tables and indexes that a claim of `batch` jobs touches; it is taken back. */
  async function blocksOfClaim(batch: number): Promise<number> {
    const tx = await fleet.engine.connect();
    let blocks = 0;
    const explaining = {
      async query<R extends object>(query: string | { text: string; values?: unknown[] }) {
        const { text, values } = typeof query === 'string' ? { text: query, values: [] } : query;
        const { rows } = await tx.query(`explain (analyze, buffers, format json) ${text}`, values);
        const { Plan: plan } = rows[0]['QUERY PLAN'][0];
        blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
        return { rows: [] as R[], rowCount: 0 };
      },
    };
    try {
      await tx.query('begin');
      const worker = await registerWorker(tx, 'measure', 60_000);
      const queue = (await tx.query(`select number from queues where name = 'default'`)).rows[0].number as number;
      // the first call of a connection reads the catalogue, too
      for (const jobs of [1, batch]) {
        await tx.query('savepoint before');
        await claimJobs(explaining, { worker, queue, batch: jobs, cursor: { org: 0, owed: 0 }, running: {} });
        await tx.query('rollback to savepoint before');
      }
    } finally {
      await tx.query('rollback');
      tx.release();
    }
    expect(blocks).toBeGreaterThan(0);
    return blocks;
  }

  it('case 14: a transaction left open keeps 100,000 dead rows from vacuum, and the claim is as cheap as before', async () => {
    await fleet.enqueueOne({ jobType: 'work' });
    const usual = await blocksOfClaim(20);
    const reader = await fleet.hold();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from background_jobs');
    await fleet.rows(
      `with q as (select number from queues where name = 'default'), o as (select number from organizations limit 1)
       insert into job_ready (job_id, queue, org, rank, run) select gen_random_uuid(), q.number, o.number, 0, 0
         from q, o, generate_series(1, $1::int)`,
      [full ? 500_000 : 100_000],
    );
    await fleet.rows(`delete from job_ready where rank = 0`);
    const burdened = await blocksOfClaim(20);
    expect(burdened).toBeGreaterThan(usual * 5); // it walks over them
    await fleet.start();
    await fleet.until('the claim to be cheap again', async () => {
      await delay(1_000); // each look holds the lock for which the worker's upkeep waits
      const now = await blocksOfClaim(20);
      return now < usual + (burdened - usual) / 5;
    });
    const costs: number[] = [];
    const rounds = full ? 200 : 40;
    for (let round = 0; round < rounds; round++) {
      await fleet.enqueueMany(100, { jobType: 'work' });
      costs.push(await blocksOfClaim(20));
    }
    await fleet.untilAllEnded({ but: 1 });
    expect(costs.sort((a, b) => a - b)[Math.ceil(rounds * 0.99) - 1]).toBeLessThan(burdened / 2);
    const { rows } = await reader.query(`select count(*)::int n from background_jobs`);
    expect(rows).toEqual([{ n: 2 }]); // it still sees the database of then
    await reader.query('commit');
  });

  it('case 16: with 100,000 rows inserted since the tables were analysed, claim and finish stay on their indexes', async () => {
    await fleet.rows(`analyze background_jobs, job_ready, job_claims, job_workers`);
    await fleet.rows(`alter table background_jobs set (autovacuum_enabled = off)`);
    await fleet.rows(`alter table job_ready set (autovacuum_enabled = off)`);
    await fleet.rows(
      `with made as (
           insert into background_jobs (id, organization_id, queue, job_type, run_at)
             select gen_random_uuid(), $1, 'default', 'work', now() from generate_series(1, 100000) returning id, run_at, priority)
         insert into job_ready (job_id, queue, org, rank, run)
           select made.id, q.number, o.number, job_rank(run_at, priority), 0 from made, queues q, organizations o
            where q.name = 'default' and o.id = $1`,
      [fleet.organizationId],
    );
    const { pages } = await fleet.row(`select pg_relation_size('background_jobs') / 8192 pages`);
    const cost = await blocksOfClaim(100);
    expect(cost).toBeLessThan(100 * 25);
    expect(cost).toBeLessThan(Number(pages) / 2);
    await fleet.start({ concurrency: 50 });
    const ended = `select count(*)::int n from job_attempts`;
    await fleet.until('2,000 jobs to end', async () => Number((await fleet.row(ended)).n) >= 2_000);
    const { n: completed } = await fleet.row(ended);
    expect(completed).toBeGreaterThanOrEqual(2_000);
    const { scanned } = await fleet.row(
      `select sum(seq_tup_read)::int8 / (select count(*) + 1 from job_attempts) scanned from pg_stat_user_tables
          where relname in ('job_ready', 'background_jobs') and seq_scan > 0`,
    );
    expect(Number(scanned ?? 0)).toBeLessThan(1_000); // the statements of this test read whole tables, those of the engine none
  });
});
