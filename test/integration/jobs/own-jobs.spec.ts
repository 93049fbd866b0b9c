import { moveClock } from '../../support/movable-clock.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob, type SeededJob } from './seeded-jobs.js';
import { eventually, gate, TestJobsModule } from './test-jobs.js';

const minute = 60_000;

describe('own jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  const own = (job: SeededJob = {}) => seedJob(app, { createdBy: app.users.Member, ...job });
  const get = (id: string, person: 'Member' | 'OrgAdmin' | 'SystemAdmin' | 'OtherMember' = 'Member') =>
    app.as(person).request('GET', `/api/v2/jobs/${id}`);

  it.each([
    ['queued', 'running'],
    ['processing', 'running'],
    ['completed', 'completed'],
    ['failed', 'failed'],
    ['cancelled', 'cancelled'],
  ] as const)('that are %s read %s', async (status, shown) => {
    const id = await own({ status });
    expect(await get(id)).toMatchObject({ status: 200, body: { id, status: shown, createdBy: app.users.Member } });
  });

  it('name the dataset they are about, and keep which process runs them to themselves', async () => {
    const subject = { type: 'dataset', id: '019aa000-0000-7000-8000-000000000001' };
    const about = (await get(await own({ subject }))).body;
    expect(about).toMatchObject({ relatedDatasetId: subject.id, subject });
    for (const hidden of ['worker', 'attempts', 'log']) expect(about).not.toHaveProperty(hidden);
    const other = (await get(await own({ subject: { type: 'file', id: 'x' } }))).body;
    expect(other).not.toHaveProperty('relatedDatasetId');
  });

  it('are nobody else’s: not an administrator’s either', async () => {
    const mine = await own();
    for (const person of ['OrgAdmin', 'SystemAdmin', 'OtherMember'] as const)
      expect({ person, status: (await get(mine, person)).status }).toEqual({ person, status: 404 });
    for (const createdBy of [app.users.OrgAdmin, undefined])
      expect((await get(await own({ createdBy }))).status).toBe(404);
    expect((await get('nonsense')).status).toBe(404);
  });

  it('show their progress while they run, and that they ended', async () => {
    const body = { jobType: 'test.gate', payload: { id: 'own' } };
    const made = await app.as('SystemAdmin').request('POST', '/api/v2/jobs', { body });
    expect(made).toMatchObject({ status: 202, body: { status: 'running' } });
    expect(made.headers.get('location')).toBe(`/api/v2/jobs/${made.body.id}`);
    const job = async () => (await get(made.body.id, 'SystemAdmin')).body;
    expect(await eventually(job, ({ progress }) => progress === 10)).toMatchObject({
      status: 'running',
      progressMessage: 'waiting',
    });
    const list = await app.as('SystemAdmin').request('GET', '/api/v2/jobs/active');
    expect(list.body.jobs).toMatchObject([{ id: made.body.id, status: 'running', progress: 10 }]);
    await eventually(async () => gate.opened.has('own'), Boolean);
    gate.opened.get('own')!();
    expect(await eventually(job, ({ status }) => status === 'completed')).toMatchObject({ progress: 100 });
  });

  it('cannot be made by those who may not', async () => {
    const body = { jobType: 'test.greet', payload: { name: 'x' } };
    for (const person of ['Member', 'OrgAdmin'] as const)
      expect((await app.as(person).request('POST', '/api/v2/jobs', { body })).status).toBe(403);
  });
});

describe('active own jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  const own = (job: SeededJob = {}) => seedJob(app, { createdBy: app.users.Member, ...job });
  const active = async () => {
    const { status, body } = await app.as('Member').request('GET', '/api/v2/jobs/active');
    expect(status).toBe(200);
    return body.jobs as { id: string; status: string }[];
  };

  it('are those that run, for an hour those queued or failed, for five minutes those completed or cancelled', async () => {
    const running = await own({ status: 'processing', age: 3 * 24 * 60 * minute });
    const queued = await own({ status: 'queued' });
    const failed = await own({ status: 'failed', age: minute });
    const completed = await own({ status: 'completed' });
    const cancelled = await own({ status: 'cancelled' });
    await own({ status: 'completed', createdBy: app.users.OrgAdmin });
    await own({ status: 'processing', createdBy: app.users.OrgAdmin });
    const after = async (milliseconds: number) => {
      await moveClock(app.db.url, milliseconds);
      return (await active()).map(({ id }) => id);
    };
    try {
      expect(await after(0)).toEqual([cancelled, completed, queued, failed, running]);
      expect(await after(4.5 * minute)).toEqual([cancelled, completed, queued, failed, running]);
      expect(await after(5.5 * minute)).toEqual([queued, failed, running]);
      expect(await after(58 * minute)).toEqual([queued, failed, running]);
      expect(await after(59.5 * minute)).toEqual([queued, running]);
      expect(await after(61 * minute)).toEqual([running]);
    } finally {
      await moveClock(app.db.url, 0);
    }
  });
});
