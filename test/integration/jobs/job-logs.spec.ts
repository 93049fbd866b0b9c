import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';
import { jobOnce, TestJobsModule } from './test-jobs.js';

const hour = 3_600_000;

describe('job logs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());
  beforeEach(() => app.db.owner.query(`delete from background_jobs`));

  const ask = (person: 'OrgAdmin' | 'SystemAdmin' | 'Member', path: string, headers = {}) =>
    app.as(person).request('GET', path, { headers });
  const idsOf = (body: { jobs: { id: string }[] }) => body.jobs.map(({ id }) => id);

  it('list the jobs of an OrgAdmin’s organisation, of all for a SystemAdmin, of one by header', async () => {
    const { B } = app.organizations;
    const ours = await seedJob(app, { jobType: 'ours' });
    const theirs = await seedJob(app, { organizationId: B });
    expect(idsOf((await ask('OrgAdmin', '/job-logs')).body)).toEqual([ours]);
    expect(idsOf((await ask('SystemAdmin', '/job-logs')).body)).toEqual([theirs, ours]);
    expect(idsOf((await ask('SystemAdmin', '/job-logs', { 'x-organization-id': B })).body)).toEqual([theirs]);
    expect(idsOf((await ask('OrgAdmin', '/job-logs?jobType=ours&status=completed')).body)).toEqual([ours]);
    expect((await ask('OrgAdmin', '/job-logs?jobType=theirs')).body).toMatchObject({ jobs: [], total: 0 });
    for (const path of ['/job-logs', '/job-logs/active', '/job-logs/statistics', `/job-logs/${ours}`])
      expect({ path, status: (await ask('Member', path)).status }).toEqual({ path, status: 403 });
  });

  it('list what is queued or runs, whatever its age, by the page', async () => {
    const waiting = await seedJob(app, { status: 'queued', age: 48 * hour });
    const running = await seedJob(app, { status: 'processing' });
    await seedJob(app, { status: 'completed' });
    await seedJob(app, { status: 'processing', organizationId: app.organizations.B });
    const { body } = await ask('OrgAdmin', '/job-logs/active');
    expect(body).toMatchObject({ total: 2, nextCursor: null });
    expect(body.jobs).toMatchObject([
      { id: running, status: 'processing', worker: 'seeded' },
      { id: waiting, status: 'queued' },
    ]);
    expect((await ask('OrgAdmin', '/job-logs/active?limit=1')).body).toMatchObject({
      total: 2,
      jobs: [{ id: running }],
    });
    expect((await ask('OrgAdmin', '/job-logs/active?status=failed')).status).toBe(400);
  });

  describe('statistics', () => {
    const figures = async (query = '', person: 'OrgAdmin' | 'SystemAdmin' = 'OrgAdmin') => {
      const { status, body } = await ask(person, `/job-logs/statistics${query}`);
      expect({ status, errors: body.errors }).toEqual({ status: 200 });
      return body;
    };

    it('of a period without jobs hold no percentiles and no rate', async () => {
      expect(await figures()).toMatchObject({
        total: 0,
        counts: { queued: 0, processing: 0, completed: 0, failed: 0, cancelled: 0 },
        successRate: null,
        waitMilliseconds: null,
        runMilliseconds: null,
        truncated: false,
        byType: [],
      });
    });

    it('count states, rate successes, and measure waiting and running, in all and by type', async () => {
      for (let n = 1; n <= 100; n++)
        await seedJob(app, {
          age: hour,
          jobType: 'import',
          waitMs: n * 10,
          runMs: n * 100,
          status: n > 75 ? 'failed' : 'completed',
        });
      await seedJob(app, { age: hour, jobType: 'export', waitMs: 5, runMs: 7 });
      // a later attempt does not tell how long the job had waited
      await seedJob(app, { age: hour, jobType: 'export', waitMs: 50_000, runMs: 9, retryCount: 2 });
      await seedJob(app, { age: hour, jobType: 'export', status: 'cancelled' });
      await seedJob(app, { jobType: 'export', status: 'queued' });
      await seedJob(app, { jobType: 'export', status: 'processing' });
      await seedJob(app, { age: 25 * hour, jobType: 'import' });
      await seedJob(app, { age: hour, organizationId: app.organizations.B });
      const all = await figures();
      expect(all).toMatchObject({
        total: 105,
        counts: { queued: 1, processing: 1, completed: 77, failed: 25, cancelled: 1 },
        truncated: false,
      });
      expect(all.successRate).toBeCloseTo(77 / 102);
      expect(Date.parse(all.to) - Date.parse(all.from)).toBe(24 * hour);
      const [imports, exports] = all.byType;
      expect(imports).toEqual({
        jobType: 'import',
        total: 100,
        counts: { queued: 0, processing: 0, completed: 75, failed: 25, cancelled: 0 },
        successRate: 0.75,
        waitMilliseconds: { p50: 500, p95: 950, p99: 990 },
        runMilliseconds: { p50: 5_000, p95: 9_500, p99: 9_900 },
      });
      expect(exports).toMatchObject({ jobType: 'export', total: 5, runMilliseconds: { p50: 7, p95: 9, p99: 9 } });
      expect((await figures('?jobType=export')).total).toBe(5);
      expect((await figures('', 'SystemAdmin')).total).toBe(106);
    });

    it('take a period, and refuse one that ends before it begins', async () => {
      await seedJob(app, { age: 50 * hour });
      const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();
      expect(await figures(`?from=${ago(51 * hour)}&to=${ago(49 * hour)}`)).toMatchObject({ total: 1 });
      expect((await figures(`?to=${ago(49 * hour)}`)).total).toBe(1);
      const { status, body } = await ask('OrgAdmin', `/job-logs/statistics?from=${ago(hour)}&to=${ago(2 * hour)}`);
      expect({ status, pointer: body.errors[0].pointer }).toEqual({ status: 422, pointer: 'query/from' });
    });
  });
});

describe('the log of one job', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  it('stands with the job and its attempts', async () => {
    const path = '/api/organization/background-jobs';
    const orgAdmin = app.as('OrgAdmin');
    const greet = await orgAdmin.request('POST', path, { body: { jobType: 'test.greet', payload: { name: 'Ada' } } });
    await jobOnce(app.as('SystemAdmin'), greet.body.id, 'completed');
    const { body } = await orgAdmin.request('GET', `/job-logs/${greet.body.id}`);
    expect(body).toMatchObject({
      id: greet.body.id,
      status: 'completed',
      attempts: [{ attempt: 1, outcome: 'completed' }],
      log: [
        { level: 'info', message: 'greeting', data: { name: 'Ada' }, attempt: 1 },
        { level: 'warn', message: 'nobody answers', data: null },
      ],
    });
    const fail = await orgAdmin.request('POST', path, { body: { jobType: 'test.discard' } });
    await jobOnce(app.as('SystemAdmin'), fail.body.id, 'failed');
    const failed = (await orgAdmin.request('GET', `/job-logs/${fail.body.id}`)).body;
    expect(failed).toMatchObject({
      errorCode: 'wrong_format',
      errorMessage: 'this is a PNG',
      attempts: [{ outcome: 'discarded', errorCode: 'wrong_format', errorMessage: 'this is a PNG' }],
    });
    expect(JSON.stringify(failed)).not.toContain('test-jobs.ts');
  });
});
