import { claimJobs, registerWorker } from '../../../libs/job-engine/job-store/index.js';
import { moveClock } from '../../support/movable-clock.js';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('the claim', () => {
  let engines: TestEngines;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.close());

  const numberOf = async (organizationId: string) =>
    (await engines.rows(`select number from organizations where id = $1`, [organizationId]))[0]!.number as number;

  async function share(organizationId: string, set: string): Promise<void> {
    await engines.client.enqueue(engines.pool, []); // nothing, but the queue below must exist
    await engines.rows(`insert into queues (name) values ('default') on conflict do nothing`);
    await engines.rows(
      `insert into queue_shares (queue, org) select q.number, $1 from queues q where name = 'default' on conflict do nothing`,
      [await numberOf(organizationId)],
    );
    await engines.rows(`update queue_shares set ${set} where org = $1`, [await numberOf(organizationId)]);
  }

  const pause = async (organizationId: string, pausedAt: string) =>
    engines.rows(
      `insert into organization_controls (org, paused_at) values ($1, ${pausedAt}) on conflict (org) do update set paused_at = excluded.paused_at`,
      [await numberOf(organizationId)],
    );

  const fill = (organizationId: string, count: number, jobType = 'noop') =>
    engines.client.enqueue(
      engines.pool,
      Array.from({ length: count }, () => ({ organizationId, jobType })),
    );

  /** Claims by hand, carrying the cursor as a worker does. */
  async function claimer() {
    const worker = await registerWorker(engines.pool, 'by hand', 60_000);
    let cursor = { org: 0, owed: 0 };
    return async (batch: number) => {
      const [{ number: queue }] = (await engines.rows(`select number from queues where name = 'default'`)) as [
        { number: number },
      ];
      const claim = await claimJobs(engines.pool, { worker, queue, batch, cursor, running: {} });
      if (claim) ({ cursor } = claim);
      return claim?.jobs ?? [];
    };
  }

  const perOrganization = (jobs: { organizationId: string }[]) => {
    const counts: Record<string, number> = {};
    for (const { organizationId } of jobs) counts[organizationId] = (counts[organizationId] ?? 0) + 1;
    return counts;
  };

  it.each([1, 4, 7, 40])('gives weights of 3 to 1 three starts to one, in batches of %p', async (batch) => {
    const heavy = engines.organizationId;
    const light = await engines.makeOrganization('light');
    await share(heavy, 'weight = 3');
    await fill(heavy, 300);
    await fill(light, 300);
    const claim = await claimer();
    const taken = [];
    while (taken.length < 160) taken.push(...(await claim(batch)));
    const counts = perOrganization(taken);
    expect(counts[heavy]! / counts[light]!).toBeGreaterThan(2.6);
    expect(counts[heavy]! / counts[light]!).toBeLessThan(3.4);
  });

  it('gives all slots to one organisation where no other has work', async () => {
    await fill(engines.organizationId, 50);
    expect(await (await claimer())(40)).toHaveLength(40);
  });

  it('takes the oldest first, high priority before normal, and lets waiting outweigh priority', async () => {
    const minutes = (n: number) => new Date(Date.now() - n * 60_000);
    const low = await engines.enqueue({ jobType: 'noop', priority: -1, runAt: minutes(40) });
    const fresh = await engines.enqueue({ jobType: 'noop' });
    const high = await engines.enqueue({ jobType: 'noop', priority: 1 });
    const older = await engines.enqueue({ jobType: 'noop', runAt: minutes(5) });
    const jobs = await (await claimer())(10);
    // -40 min + 15 = -25; 1 high = -15; -5; 0. The claim's own order is kept by what is taken first.
    expect(await inOrder(jobs.map(({ id }) => id))).toEqual([low, high, older, fresh]);
  });

  /** The order in which batches of one would have taken them. */
  async function inOrder(ids: string[]): Promise<string[]> {
    const rows = await engines.rows(
      `select id from background_jobs where id = any ($1) order by job_rank(run_at, priority), id`,
      [ids],
    );
    return rows.map(({ id }) => id as string);
  }

  it('does not let one organisation’s flood delay another', async () => {
    const calm = await engines.makeOrganization('calm');
    await fill(engines.organizationId, 5_000);
    const claim = await claimer();
    await claim(500);
    const [mine] = await fill(calm, 1);
    const next = [...(await claim(20)), ...(await claim(20))];
    expect(next.map(({ id }) => id)).toContain(mine!.id);
  });

  it('never runs more of an organisation than its limit, with several workers at once', async () => {
    await share(engines.organizationId, 'max_running = 3');
    const free = await engines.makeOrganization('free');
    let running = 0;
    let most = 0;
    const letGo = signal();
    const handlers = {
      counted: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => {
          setTimeout(resolve, 15);
        });
        running--;
      },
      free: async () => letGo.promise,
    };
    await fill(engines.organizationId, 60, 'counted');
    await fill(free, 5, 'free');
    for (let i = 0; i < 3; i++) await engines.start({ name: `w${i}`, concurrency: 10, pollMs: 50, handlers });
    letGo.give();
    await eventually(
      async () => (await engines.rows(`select from background_jobs where status <> 'completed'`)).length === 0,
      () => 'all to complete',
      20_000,
    );
    expect(most).toBe(3);
  });

  it('holds a worker’s slots for its organisation until it is rescued, and no longer', async () => {
    await share(engines.organizationId, 'max_running = 1');
    await fill(engines.organizationId, 2);
    const [first] = await (await claimer())(5);
    expect(first).toBeDefined();
    const { engine } = engines.engine({ handlers: { noop: async () => 1 } });
    await engine.worker.runOnce();
    expect(engine.worker.counters.claimed).toBe(0);
    await moveClock(engines.db.url, 120_000);
    await engine.rescuer.runOnce();
    for (let i = 0; i < 3; i++) await engine.worker.runOnce();
    expect(await engines.rows(`select from background_jobs where status = 'completed'`)).toHaveLength(2);
  });

  it('goes on at once when a slot of a limited organisation falls free', async () => {
    await share(engines.organizationId, 'max_running = 2');
    const jobs = await fill(engines.organizationId, 40);
    const began = Date.now();
    await engines.start({ pollMs: 5_000, handlers: { noop: async () => 1 } });
    await Promise.all(jobs.map(({ id }) => engines.until(id, 'completed')));
    expect(Date.now() - began).toBeLessThan(4_000); // 20 rounds of polling would be 100 s
  });

  it('leaves a paused organisation and a paused queue alone, retries and delayed jobs included', async () => {
    const { engine } = engines.engine({ handlers: { noop: async () => 1 } });
    await pause(engines.organizationId, 'now()');
    const id = await engines.enqueue({ jobType: 'noop', runAt: new Date(Date.now() + 1_000) });
    const organizationId = await engines.makeOrganization('two');
    const elsewhere = await engines.enqueue({ organizationId, jobType: 'noop', queue: 'elsewhere' });
    await engines.rows(`update queues set paused_at = now() where name = 'elsewhere'`);
    await moveClock(engines.db.url, 10_000);
    await engine.promoter.runOnce();
    await engine.worker.runOnce();
    expect(engine.worker.counters.claimed).toBe(0);
    await engines.rows(`update queues set paused_at = null`);
    await engine.worker.runOnce();
    expect(await engines.job(elsewhere)).toMatchObject({ status: 'completed' });
    expect(await engines.job(id)).toMatchObject({ status: 'queued' });
    await pause(engines.organizationId, 'null');
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'completed' });
  });

  it('takes a future job when it is due, and not before; the year 2100 too', async () => {
    const { engine } = engines.engine({ handlers: { noop: async () => 1 } });
    const soon = await engines.enqueue({ jobType: 'noop', runAt: new Date(Date.now() + 60_000) });
    const far = await engines.enqueue({ jobType: 'noop', runAt: new Date('2100-02-28T00:00:00Z') });
    await engine.promoter.runOnce();
    await engine.worker.runOnce();
    expect(await engines.job(soon)).toMatchObject({ status: 'queued' });
    await moveClock(engines.db.url, 61_000);
    await engine.promoter.runOnce();
    await engine.worker.runOnce();
    expect(await engines.job(soon)).toMatchObject({ status: 'completed' });
    await moveClock(engines.db.url, Date.parse('2100-03-01T00:00:00Z') - Date.now());
    await engine.promoter.runOnce();
    await engine.worker.runOnce();
    expect(await engines.job(far)).toMatchObject({ status: 'completed' });
  });

  it('wakes by itself when a future job becomes due', async () => {
    await engines.start({ handlers: { noop: async () => 1 } });
    const id = await engines.enqueue({ jobType: 'noop', runAt: new Date(Date.now() + 600) });
    const job = await engines.until(id, 'completed');
    expect((job.started_at as Date).getTime()).toBeGreaterThanOrEqual((job.run_at as Date).getTime());
  });

  it('serves only the queues it is told to', async () => {
    const { engine } = engines.engine({ queues: ['mine'], handlers: { noop: async () => 1 } });
    const mine = await engines.enqueue({ jobType: 'noop', queue: 'mine' });
    const other = await engines.enqueue({ jobType: 'noop', queue: 'other' });
    await engine.worker.runOnce();
    expect(await engines.job(mine)).toMatchObject({ status: 'completed' });
    expect(await engines.job(other)).toMatchObject({ status: 'queued' });
  });

  it('takes no entry whose job belongs to another organisation than the one that pays for it', async () => {
    const other = await engines.makeOrganization('other');
    const id = await engines.enqueue({ jobType: 'noop', runAt: new Date('2100-01-01T00:00:00Z') });
    await engines.rows(
      `insert into job_ready (job_id, queue, org, rank, run) select $1, number, $2, 0, 0 from queues where name = 'default'`,
      [id, await numberOf(other)],
    );
    expect(await (await claimer())(10)).toEqual([]);
    expect(await engines.rows(`select status, run from background_jobs where id = $1`, [id])).toEqual([
      { status: 'queued', run: 0 },
    ]);
  });

  it('refuses a worker that has no lease', async () => {
    await engines.enqueue({ jobType: 'noop' });
    const request = { worker: 4_711, queue: 1, batch: 1, cursor: { org: 0, owed: 0 }, running: {} };
    await expect(claimJobs(engines.pool, request)).rejects.toMatchObject({ code: 'CJ001' });
  });

  it('stays on its indexes where 100,000 rows were just inserted and never analysed', async () => {
    await engines.enqueue({ jobType: 'noop' });
    const owner = await engines.db.owner.connect();
    await owner.query(`set session_replication_role = replica`); // no foreign key checks: this is about the claim
    await owner.query(
      `with made as (
         insert into background_jobs (id, organization_id, queue, job_type, run_at, created_at, updated_at)
         select gen_random_uuid(), $1, 'default', 'noop', now(), now(), now() from generate_series(1, 100000)
         returning id, run_at, priority)
       insert into job_ready (job_id, queue, org, rank, run)
         select made.id, q.number, $2, job_rank(run_at, priority), 0 from made, queues q where q.name = 'default'`,
      [engines.organizationId, await numberOf(engines.organizationId)],
    );
    owner.release(true);
    const scans = async () =>
      (await engines.rows(
        `select relname, seq_tup_read::int read from pg_stat_user_tables where relname in ('job_ready', 'background_jobs') order by 1`,
      )) as { relname: string; read: number }[];
    await engines.rows(`select pg_stat_force_next_flush()`);
    const before = await scans();
    const claim = await claimer();
    const took: number[] = [];
    for (let i = 0; i < 10; i++) {
      const began = performance.now();
      expect(await claim(500)).toHaveLength(500);
      took.push(performance.now() - began);
    }
    await eventually(
      async () => {
        await engines.rows(`select pg_stat_force_next_flush()`);
        return (
          ((await engines.rows(`select idx_scan::int n from pg_stat_user_tables where relname = 'job_ready'`))[0]!
            .n as number) > 0
        );
      },
      () => 'statistics of the claim',
      20_000,
    );
    expect(await scans()).toEqual(before); // no row read by a sequential scan
    expect(took.sort((a, b) => a - b)[5]).toBeLessThan(500); // an index costs 10–30 ms here, a scan of all seconds
  });
});
