import { bucketOf, foldStatistics } from '@carillon/job-engine';
import { eventually } from '../../support/eventually.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';
import { jobOnce, TestJobsModule } from './test-jobs.js';

const hour = 3_600_000;
const day = 24 * hour;
const system = '/api/system/background-jobs/statistics';

interface Ends {
  organizationId?: string;
  type?: string;
  queue?: string;
  outcome?: string;
  jobs?: number;
  /** Milliseconds. */
  wait?: number;
  run?: number;
  /** Ended so long ago, in milliseconds. */
  ago?: number;
}

describe('statistics', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
    await app.db.owner.query(`insert into queues (name) values ('default'), ('imports')`);
  });
  afterAll(() => app.close());
  beforeEach(() =>
    app.db.owner.query(
      `truncate background_jobs, job_ready, job_later, job_held, job_claims, job_statistics_deltas, job_statistics_hours, job_statistics_days cascade`,
    ),
  );

  /** What the finisher would have left, folded. */
  const ended = async (...ends: Ends[]) => {
    await app.db.owner.query(
      `insert into job_statistics_deltas (at, org, queue, job_type, outcome, wait_bucket, run_bucket, jobs)
         select carillon_now() - make_interval(secs => e.ago / 1000.0), o.number, q.number, e.type, e.outcome, e.wait, e.run, e.jobs
           from jsonb_to_recordset($1) e (organization uuid, queue text, type text, outcome text, wait smallint, run smallint, jobs int, ago float8)
           join organizations o on o.id = e.organization join queues q on q.name = e.queue`,
      [
        JSON.stringify(
          ends.map((end) => ({
            organization: end.organizationId ?? app.organizations.A,
            queue: end.queue ?? 'default',
            type: end.type ?? 'import',
            outcome: end.outcome ?? 'completed',
            jobs: end.jobs ?? 1,
            wait: end.wait === undefined ? null : bucketOf(end.wait),
            run: end.run === undefined ? null : bucketOf(end.run),
            ago: end.ago ?? 0,
          })),
        ),
      ],
    );
    while ((await foldStatistics(app.db.as('carillon_engine'), 10_000)) > 0);
  };
  const ask = async (query = '', person: 'OrgAdmin' | 'SystemAdmin' = 'OrgAdmin', path = '/job-logs/statistics') => {
    const { status, body } = await app.as(person).request('GET', `${path}${query}`);
    expect({ status, errors: body.errors }).toEqual({ status: 200 });
    return body;
  };
  /** A percentile is told within a bucket: 19 %. */
  const about = (value: number) => ({
    asymmetricMatch: (told: number) => told >= value / 2 ** 0.25 && told <= value * 2 ** 0.25,
  });

  it('of a period without jobs hold no percentiles and no rate', async () => {
    expect(await ask()).toMatchObject({
      total: 0,
      counts: { queued: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 },
      successRate: null,
      waitMilliseconds: null,
      runMilliseconds: null,
      granularity: 'hour',
      byType: [],
      byQueue: [],
    });
  });

  it('count ends, rate successes, and measure waiting and running, in all, by type and by queue', async () => {
    await ended(
      ...Array.from({ length: 100 }, (_, n) => ({
        wait: (n + 1) * 10,
        run: (n + 1) * 100,
        outcome: n < 75 ? 'completed' : 'failed',
      })),
      { type: 'export', queue: 'imports', jobs: 2, wait: 5, run: 7 },
      { type: 'export', queue: 'imports', outcome: 'retried', jobs: 4, wait: 5, run: 7 },
      { type: 'export', queue: 'imports', outcome: 'lost', run: 7 },
      { type: 'export', queue: 'imports', outcome: 'cancelled', jobs: 3 },
      { organizationId: app.organizations.B, jobs: 1_000 },
    );
    const all = await ask();
    expect(all).toMatchObject({
      total: 105,
      counts: { completed: 77, failed: 25, cancelled: 3 },
      retried: 4,
      lost: 1,
      successRate: 77 / 102,
    });
    expect(all).not.toHaveProperty('byOrganization');
    const [imports, exports] = all.byType;
    expect(imports).toMatchObject({
      jobType: 'import',
      total: 100,
      counts: { completed: 75, failed: 25, cancelled: 0 },
      successRate: 0.75,
      waitMilliseconds: { p50: about(500), p95: about(950), p99: about(990) },
      runMilliseconds: { p50: about(5_000), p95: about(9_500), p99: about(9_900) },
    });
    expect(exports).toMatchObject({ jobType: 'export', total: 5, retried: 4, runMilliseconds: { p50: about(7) } });
    expect(all.byQueue).toMatchObject([
      { queue: 'default', total: 100 },
      { queue: 'imports', total: 5 },
    ]);
    expect(await ask('?jobType=export')).toMatchObject({ total: 5, byType: [{ jobType: 'export' }] });
    expect(await ask('?queue=default')).toMatchObject({ total: 100, byType: [{ jobType: 'import' }] });
    expect(await ask('?queue=default&jobType=export')).toMatchObject({ total: 0, byType: [] });
  });

  it('give a SystemAdmin all organisations and the busiest of them, an OrgAdmin its own only', async () => {
    const { A, B } = app.organizations;
    await ended({ jobs: 3 }, { organizationId: B, jobs: 5, run: 10 });
    const all = await ask('', 'SystemAdmin', system);
    expect(all).toMatchObject({
      total: 8,
      byType: [{ jobType: 'import', total: 8 }],
      byOrganization: [
        { organizationId: B, name: 'Organisation B', total: 5, runMilliseconds: { p50: about(10) } },
        { organizationId: A, total: 3, runMilliseconds: null },
      ],
    });
    expect(await ask(`?organizationId=${B}`, 'SystemAdmin', system)).toMatchObject({ total: 5 });
    expect(await ask('', 'SystemAdmin')).toMatchObject({ total: 8 });
    const own = await ask('', 'OrgAdmin', '/api/organization/background-jobs/statistics');
    expect(own).toMatchObject({ total: 3 });
    expect(await ask(`?organizationId=${B}`)).toMatchObject({ total: 0, byType: [] });
  });

  it('count what waits and runs at this moment, by queue and of one type', async () => {
    await seedJob(app, { status: 'queued', jobType: 'export' });
    await seedJob(app, { status: 'queued', jobType: 'import' });
    await seedJob(app, { status: 'processing', jobType: 'import', queue: 'imports' });
    await seedJob(app, { status: 'queued', organizationId: app.organizations.B });
    const all = await ask();
    expect(all).toMatchObject({ total: 0, counts: { queued: 2, processing: 1 } });
    expect(all).not.toHaveProperty('queuedIsEstimate');
    expect(all.byQueue).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ queue: 'default', queued: 2, processing: 0 }),
        expect.objectContaining({ queue: 'imports', queued: 0, processing: 1 }),
      ]),
    );
    expect((await ask('?jobType=import')).counts).toMatchObject({ queued: 1, processing: 1 });
    expect((await ask('?queue=imports')).counts).toMatchObject({ queued: 0, processing: 1 });
    expect((await ask('', 'SystemAdmin')).counts).toMatchObject({ queued: 3, processing: 1 });
  });

  it('give a series without holes, by hour or by day', async () => {
    await ended({ jobs: 2, run: 50 }, { ago: 5 * hour, jobs: 3, type: 'export' }, { ago: 3 * day, jobs: 7 });
    const recent = await ask();
    expect(recent.granularity).toBe('hour');
    expect(recent.series).toHaveLength(25);
    expect(recent.series.at(-1)).toMatchObject({ completed: 2, runMilliseconds: { p50: about(50) } });
    expect(recent.series.at(-2)).toMatchObject({ completed: 0, runMilliseconds: null });
    expect(recent.series.at(-6)).toMatchObject({ completed: 3 });
    const from = new Date(Date.now() - 30 * day).toISOString();
    const month = await ask(`?from=${from}`);
    expect(month).toMatchObject({ granularity: 'day', total: 12 });
    expect(month.from).toBe(`${from.slice(0, 10)}T00:00:00.000Z`);
    expect(month.byType).toMatchObject([{ total: 9 }, { total: 3 }]);
    expect(month.series).toHaveLength(31);
    expect(month.series.at(-4)).toMatchObject({ completed: 7 });
    const week = await ask(`?from=${new Date(Date.now() - 4 * day).toISOString()}&granularity=hour&jobType=import`);
    expect(week).toMatchObject({ total: 9, byType: [{ jobType: 'import', total: 9 }] });
    expect(week.series).toHaveLength(97);
  });

  it.each([
    [{ from: -hour, to: -2 * hour }, 'query/from'],
    [{ from: -3_000 * day }, 'query/from'],
    [{ from: -20 * day, granularity: 'hour' }, 'query/granularity'],
  ])(
    'refuse the period %j',
    async ({ from, to, granularity }: { from: number; to?: number; granularity?: string }, pointer) => {
      const at = (ms: number) => new Date(Date.now() + ms).toISOString();
      const query = new URLSearchParams({
        from: at(from),
        ...(to && { to: at(to) }),
        ...(granularity && { granularity }),
      });
      const { status, body } = await app.as('OrgAdmin').request('GET', `/job-logs/statistics?${query.toString()}`);
      expect({ status, pointer: body.errors[0].pointer }).toEqual({ status: 422, pointer });
    },
  );
});

describe('statistics of jobs that really ran', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  it('tell of them within moments', async () => {
    const orgAdmin = app.as('OrgAdmin');
    const path = '/api/organization/background-jobs';
    const greet = await orgAdmin.request('POST', path, { body: { jobType: 'test.greet', payload: { name: 'Ada' } } });
    const fail = await orgAdmin.request('POST', path, { body: { jobType: 'test.discard' } });
    await jobOnce(app.as('SystemAdmin'), greet.body.id, 'completed');
    await jobOnce(app.as('SystemAdmin'), fail.body.id, 'failed');
    // the jobs that tell people of these two are counted, too
    const figures = async () => (await orgAdmin.request('GET', `${path}/statistics`)).body.byType;
    const ours = async () => (await figures()).filter((one: { jobType: string }) => one.jobType.startsWith('test.'));
    await eventually(async () => (await ours()).length === 2 || undefined);
    const times = { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) };
    expect(await ours()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          jobType: 'test.greet',
          total: 1,
          successRate: 1,
          runMilliseconds: times,
          waitMilliseconds: times,
        }),
        expect.objectContaining({
          jobType: 'test.discard',
          total: 1,
          successRate: 0,
          runMilliseconds: times,
          waitMilliseconds: times,
        }),
      ]),
    );
  });
});
