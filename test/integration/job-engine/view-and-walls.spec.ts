import type pg from 'pg';
import { signal, TestEngines } from './test-engines.js';

describe('what readers see', () => {
  let engines: TestEngines;
  let other: string;
  let runningId: string;
  let letGo: () => void;
  beforeAll(async () => {
    engines = await TestEngines.open();
    other = await engines.makeOrganization('other');
    const held = signal();
    const reported = signal();
    letGo = held.give;
    await engines.start({
      name: 'at work',
      handlers: {
        held: async (_payload, ctx) => {
          await ctx.progress(40, 'moved');
          ctx.log('info', 'secret of one');
          reported.give();
          await held.promise;
        },
        failing: async () => {
          throw new Error('secret of one');
        },
      },
    });
    runningId = await engines.enqueue({ jobType: 'held' });
    await reported.promise;
    await engines.until(await engines.enqueue({ jobType: 'failing', maxRetries: 0 }), 'failed');
    await engines.enqueue({ jobType: 'later', runAt: new Date('2100-01-01T00:00:00Z') });
  });
  afterAll(async () => {
    letGo();
    await engines.close();
  });

  async function as<T>(
    role: 'carillon_app' | 'carillon_platform' | 'carillon_engine',
    organizationId: string | null,
    work: (tx: pg.PoolClient) => Promise<T>,
  ) {
    const tx = await engines.db.as(role).connect();
    try {
      await tx.query('begin');
      if (organizationId) await tx.query(`select set_config('carillon.organization_id', $1, true)`, [organizationId]);
      return await work(tx);
    } finally {
      await tx.query('rollback');
      tx.release();
    }
  }
  const look = (tx: pg.PoolClient) =>
    tx
      .query(`select status, worker, progress, progress_message, started_at from background_job_view where id = $1`, [
        runningId,
      ])
      .then(({ rows }) => rows as Record<string, unknown>[]);

  it.each([
    ['carillon_app', true],
    ['carillon_platform', false],
    ['carillon_engine', false],
  ] as const)('%s sees a running job as processing, since when, by whom and how far', async (role, bound) => {
    expect(await as(role, bound ? engines.organizationId : null, look)).toEqual([
      {
        status: 'processing',
        worker: 'at work',
        progress: 40,
        progress_message: 'moved',
        started_at: expect.any(Date),
      },
    ]);
  });

  it.each([
    'background_job_view',
    'background_jobs',
    'job_attempts',
    'job_log_entries',
    'job_progress',
    'job_ready',
    'job_later',
    'queue_shares',
    'running_jobs()',
    'running_jobs_of_current_organization()',
  ])('carillon_app of another organisation, or of none, sees nothing in %s', async (table) => {
    for (const organization of [other, null])
      expect((await as('carillon_app', organization, (tx) => tx.query(`select * from ${table}`))).rows).toEqual([]);
  });

  it.each([
    'select * from job_claims',
    'select * from job_workers',
    `delete from job_ready`,
    `delete from background_jobs`,
    `insert into job_attempts (job_id) values (null)`,
    `select * from finish_runs(1, '', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '[]', '{}')`,
    `update queues set paused_at = now()`,
  ])('carillon_app may not: %s', async (statement) => {
    await expect(as('carillon_app', engines.organizationId, (tx) => tx.query(statement))).rejects.toThrow(
      'permission denied',
    );
  });

  it('carillon_app cannot move a job into another organisation, nor touch another’s', async () => {
    await expect(
      as('carillon_app', engines.organizationId, (tx) =>
        tx.query(`update background_jobs set organization_id = $1`, [other]),
      ),
    ).rejects.toThrow('row-level security');
    const { rowCount } = await as('carillon_app', other, (tx) =>
      tx.query(`update background_jobs set status = 'queued'`),
    );
    expect(rowCount).toBe(0);
    expect((await as('carillon_app', other, (tx) => tx.query(`delete from job_later`))).rowCount).toBe(0);
  });

  it('carillon_platform reads all and writes nothing', async () => {
    const seen = await as('carillon_platform', null, (tx) => tx.query(`select * from background_job_view`));
    expect(seen.rowCount).toBe(3);
    await expect(
      as('carillon_platform', null, (tx) => tx.query(`update background_jobs set priority = 1`)),
    ).rejects.toThrow('permission denied');
  });

  it('has every column of the table but those that are made for indexes', async () => {
    const columns = (table: string) =>
      engines
        .rows(`select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and attgenerated = ''`, [
          table,
        ])
        .then((rows) => rows.map((r) => r.attname as string));
    const view = await columns('background_job_view');
    expect(await columns('background_jobs').then((names) => names.filter((name) => !view.includes(name)))).toEqual([]);
  });

  it('follows its index for the newest of an organisation, as carillon_app', async () => {
    await engines.rows(
      `insert into background_jobs (id, organization_id, queue, job_type, status, completed_at)
      select gen_random_uuid(), $1, 'default', 'old', 'completed', now() from generate_series(1, 20000)`,
      [engines.organizationId],
    );
    await engines.rows(`analyze background_jobs`);
    for (const filter of ['true', `status = 'completed'`, `job_type = 'old'`]) {
      const { rows } = await as('carillon_app', engines.organizationId, (tx) =>
        tx.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, costs off, timing off) select * from background_job_view where organization_id = $1 and ${filter} order by id desc limit 50`,
          [engines.organizationId],
        ),
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan Backward using background_jobs_organization/);
      expect(plan).not.toMatch(/Sort|Seq Scan on background_jobs b/);
    }
  });

  it('forgets attempts, log and progress with the job, and all of it with the organisation', async () => {
    const gone = await engines.makeOrganization('gone');
    const [job] = await engines.client.enqueue(engines.pool, [
      { organizationId: gone, jobType: 'failing', maxRetries: 0 },
    ]);
    await engines.until(job!.id, 'failed');
    await engines.rows(
      `insert into job_log_entries (job_id, organization_id, attempt, level, message) values ($1, $2, 1, 'info', 'x')`,
      [job!.id, gone],
    );
    await engines.rows(`delete from organizations where id = $1`, [gone]);
    for (const table of ['background_jobs', 'job_attempts', 'job_log_entries'])
      expect(await engines.rows(`select from ${table} where organization_id = $1`, [gone])).toEqual([]);
  });
});
