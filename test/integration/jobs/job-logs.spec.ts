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
