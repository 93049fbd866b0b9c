import pg from 'pg';
import { databasePressure } from '@carillon/job-engine';
import {
  claimJobs,
  narrowTables,
  registerWorker,
  renewLease,
  rewrite,
} from '../../../libs/job-engine/job-store/index.js';
import { Upkeep } from '../../../libs/job-engine/upkeep.js';
import { eventually, TestEngines } from './test-engines.js';

describe('upkeep of the narrow tables', () => {
  let engines: TestEngines;
  let reader: pg.Client | undefined;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(async () => {
    await reader?.end();
    reader = undefined;
    await engines.close();
  });

  const upkeep = (warnAfterSeconds?: number) => new Upkeep({ pool: engines.pool, log: engines.log, warnAfterSeconds });

  /** A transaction that keeps vacuum from removing anything that dies from now on. */
  async function pinHorizon(alsoRead?: string): Promise<void> {
    reader = new pg.Client({ connectionString: engines.db.url, application_name: 'a long report' });
    await reader.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query(`select count(*) from ${alsoRead ?? 'organizations'}`);
  }

  /** As jobs leave them that came and went. */
  async function leaveDeadRows(count: number): Promise<void> {
    await asOneSession([
      `insert into job_ready (job_id, queue, org, rank, run)
         select gen_random_uuid(), (select number from queues where name = 'default'), number, i, 0
           from organizations, generate_series(1, ${count}) i`,
      `delete from job_ready where rank <= ${count}`,
    ]);
    await countedAsDead('job_ready', count);
  }

  /** A session tells of its deeds when it likes, after ten idle seconds at the latest; this one tells at once. */
  async function asOneSession(statements: string[]): Promise<void> {
    const client = await engines.db.owner.connect();
    for (const statement of [...statements, 'select pg_stat_force_next_flush()']) await client.query(statement);
    client.release();
  }

  const countedAsDead = (table: string, count: number) =>
    eventually(
      async () => ((await narrowTables(engines.pool, [table]))[0]?.deadRows ?? 0) >= count,
      () => `${table} to have ${count} dead rows`,
      20_000,
    );

  const fill = (count: number) =>
    engines.client.enqueue(
      engines.pool,
      Array.from({ length: count }, () => ({ organizationId: engines.organizationId, jobType: 'noop' })),
    );

  async function claimer() {
    const worker = await registerWorker(engines.pool, 'by hand', 60_000);
    const [{ number: queue }] = (await engines.rows(`select number from queues where name = 'default'`)) as [
      { number: number },
    ];
    let cursor = { org: 0, owed: 0 };
    return {
      worker,
      queue,
      claim: async (batch: number) => {
        const claim = await claimJobs(engines.pool, { worker, queue, batch, cursor, running: {} });
        if (claim) ({ cursor } = claim);
        return claim?.jobs ?? [];
      },
    };
  }

  /** Pages that one claim of 20 touches, those of its inner statements included; it is rolled back. */
  async function pagesOfAClaim({ worker, queue }: { worker: number; queue: number }): Promise<number> {
    const client = await engines.pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
        `explain (analyze, buffers, format json) select * from claim_jobs(${queue}::smallint, ${worker}, 20, 64, 0, 0, '{}')`,
      );
      const { Plan } = rows[0]!['QUERY PLAN'][0]!;
      return Plan['Shared Hit Blocks']! + Plan['Shared Read Blocks']!;
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  it('vacuums away what jobs leave behind, before autovacuum comes', async () => {
    await fill(50);
    await leaveDeadRows(30_000);
    const keeper = upkeep();
    await keeper.loop.runOnce();
    expect(keeper.counters).toMatchObject({ vacuums: 1, rewrites: 0 });
    expect((await narrowTables(engines.pool, ['job_ready']))[0]!.deadRows).toBeLessThan(1_000);
  });

  it('keeps the claim short although a transaction is open, and every waiting job', async () => {
    await fill(50);
    const hand = await claimer();
    const clean = await pagesOfAClaim(hand);
    await pinHorizon();
    await leaveDeadRows(100_000);
    const littered = await pagesOfAClaim(hand);
    expect(littered).toBeGreaterThan(clean * 3);
    const before = await engines.rows(`select * from job_ready order by job_id`);

    const keeper = upkeep();
    await keeper.loop.runOnce();

    expect(keeper.counters).toMatchObject({ rewrites: 1 });
    expect(await pagesOfAClaim(hand)).toBeLessThanOrEqual(clean + 5);
    expect(await engines.rows(`select * from job_ready order by job_id`)).toEqual(before);
    expect(await hand.claim(100)).toHaveLength(50);
  });

  it('does the same for the workers’ row and the claims, which keep their numbers, leases and fences', async () => {
    await fill(3);
    const hand = await claimer();
    const [job] = await hand.claim(1);
    await pinHorizon();
    const version = `update job_workers set running = '{"1": {"2": 3}}'`;
    await asOneSession([`do $$ begin for i in 1..10000 loop ${version}; end loop; end $$`]);
    await countedAsDead('job_workers', 5_000);
    const before = await engines.rows(`select * from job_workers`);

    await upkeep().loop.runOnce();

    expect(await engines.rows(`select * from job_workers`)).toEqual(before);
    expect(await engines.rows(`select pg_relation_size('job_workers')::int size`)).toEqual([{ size: 8192 }]);
    expect(await renewLease(engines.pool, hand.worker, 60_000, { running: {}, asOfClaim: '0' })).toBeTruthy();
    const [next] = await hand.claim(1);
    expect(next!.claimId).not.toBe(job!.claimId);
    expect(await registerWorker(engines.pool, 'another', 60_000)).not.toBe(hand.worker);
    expect((await engines.rows(`select claim_id::text from job_claims`)).map((row) => row.claim_id)).toEqual([
      job!.claimId,
      next!.claimId,
    ]);
  });

  it('loses and doubles no job while others insert, claim and finish, and every lease holds', async () => {
    const ran = new Map<string, number>();
    const { engine, client } = await engines.start({
      handlers: {
        noop: (_, ctx) => {
          ran.set(ctx.jobId, (ran.get(ctx.jobId) ?? 0) + 1);
          return Promise.resolve();
        },
      },
    });
    await fill(1);
    await pinHorizon();
    const enough = new AbortController();
    let rewrites = 0;
    const rewriter = async () => {
      for (; !enough.signal.aborted; await new Promise(setImmediate))
        for (const table of ['job_ready', 'job_workers', 'job_claims', 'job_statistics_deltas'])
          rewrites += Number(await rewriteNow(table));
    };
    const rewriteNow = (table: string) =>
      rewrite(engines.pool, table, 50_000).catch((error: { code?: string }) => {
        if (error.code !== '55P03') throw error;
        return false;
      });
    const background = rewriter();
    const asked: string[] = [];
    let slowest = 0;
    for (let batch = 0; batch < 30; batch++) {
      await leaveLitter(batch);
      const began = performance.now();
      asked.push(
        ...(await Promise.all(
          Array.from({ length: 20 }, () =>
            client.enqueueGathered({ organizationId: engines.organizationId, jobType: 'noop' }),
          ),
        ).then((jobs) => jobs.map((job) => job.id))),
      );
      slowest = Math.max(slowest, performance.now() - began);
    }
    await eventually(
      async () => asked.every((id) => ran.has(id)),
      () => `${asked.filter((id) => !ran.has(id)).length} of ${asked.length} jobs to run`,
      30_000,
    );
    enough.abort();
    await background;
    expect(rewrites).toBeGreaterThan(3);
    expect(asked.filter((id) => ran.get(id) !== 1)).toEqual([]);
    expect(engine.worker.counters).toMatchObject({ leasesLost: 0, refused: 0 });
    expect(slowest).toBeLessThan(5_000);
  }, 120_000);

  /** Makes job_ready, and every few batches the others, large enough to be rewritten. */
  async function leaveLitter(batch: number): Promise<void> {
    await engines.rows(
      `with queue as (select number from queues limit 1)
       insert into job_ready (job_id, queue, org, rank, run) select gen_random_uuid(), queue.number, 0, i, 0 from queue, generate_series(1, 5000) i`,
    );
    await engines.rows(`delete from job_ready where org = 0`);
    if (batch % 6 === 0)
      await engines.rows(`do $$ begin for i in 1..3000 loop update job_workers set name = name; end loop; end $$`);
  }

  it('lets go at once where others hold the table, and tries less and less often', async () => {
    await fill(1);
    await pinHorizon('job_ready');
    await leaveDeadRows(30_000);
    const keeper = upkeep();
    const began = performance.now();
    await keeper.loop.runOnce();
    expect(keeper.counters).toMatchObject({ rewrites: 0, lockedOut: 1 });
    expect(performance.now() - began).toBeLessThan(5_000);
    await keeper.loop.runOnce();
    expect(keeper.counters.lockedOut).toBe(1);
    expect(await (await claimer()).claim(5)).toHaveLength(1);
  });

  it('does not copy a queue that is too long to be copied quickly', async () => {
    await fill(200);
    await leaveDeadRows(10_000);
    expect(await rewrite(engines.pool, 'job_ready', 100)).toBe(false);
    expect(await engines.rows(`select count(*)::int jobs from job_ready`)).toEqual([{ jobs: 200 }]);
  });

  it('touches no other table', async () => {
    await expect(rewrite(engines.pool, 'background_jobs', 100)).rejects.toThrow(/none of the narrow tables/);
    await expect(rewrite(engines.db.as('carillon_app'), 'job_ready', 100)).rejects.toThrow(/permission denied/);
  });

  it('says who keeps vacuum from its work, once', async () => {
    await pinHorizon();
    const keeper = upkeep(0.05);
    await eventually(
      async () => {
        await keeper.loop.runOnce();
        return engines.said.length > 0;
      },
      () => 'the warning',
    );
    await keeper.loop.runOnce();
    const [warning, ...more] = engines.said;
    expect(warning).toMatch(
      /transaction has been open for \d+ s: pid \d+ of user \w+ \(a long report\), idle in transaction/,
    );
    expect(warning).toContain('docs/tuning.md');
    expect(more).toEqual([]);
    const { tables, oldestSnapshot } = await databasePressure(engines.pool);
    expect(oldestSnapshot).toMatchObject({ kind: 'transaction', who: expect.stringContaining('a long report') });
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['background_jobs', 'job_ready', 'job_claims']),
    );
  });
});
