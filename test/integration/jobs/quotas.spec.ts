import { createTestApp, type TestApp } from '../../support/test-app.js';
import { eventually, TestJobsModule } from './test-jobs.js';

const route = '/api/organization/background-jobs';

describe('quotas of waiting jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ modules: [TestJobsModule] }); // without a worker: what is queued stays
  });
  afterAll(() => app.close());

  const later = '2100-01-01T00:00:00Z';
  const greet = (more: object = {}) => ({ jobType: 'test.greet', payload: { name: 'x' }, ...more });
  const ask = (body: unknown, rest = '', headers: Record<string, string> = {}) =>
    app.as('OrgAdmin').request('POST', `${route}${rest}`, { body, headers });
  const setQuota = async (quota: { jobs?: number; bytes?: number } | null) => {
    const mine = `(select number from organizations where id = $1)`;
    await app.db.owner.query(`delete from organization_controls where org = ${mine}`, [app.organizations.A]);
    if (quota)
      await app.db.owner.query(
        `insert into organization_controls (org, max_queued, max_queued_bytes) select number, $2, $3 from organizations where id = $1`,
        [app.organizations.A, quota.jobs ?? null, quota.bytes ?? null],
      );
  };
  const empty = () => app.db.owner.query(`truncate job_ready, job_later, job_held`);
  const refused = (answer: { status: number }) => answer.status === 429;

  it('refuse what is too many, wherever the others wait, and say what to do', async () => {
    await setQuota({ jobs: 4 });
    await eventually(() => ask({ jobs: Array.from({ length: 5 }, () => greet()) }, '/bulk'), refused); // from here on it is known
    await empty();
    await eventually(
      () => ask(greet()),
      ({ status }) => status === 202,
    );
    await ask(greet({ runAt: later }));
    await ask(greet({ concurrencyKey: 'k' }));
    const answer = await ask({ jobs: [greet(), greet()] }, '/bulk');
    expect(answer.status).toBe(429);
    expect(answer).toMatchObject({
      body: {
        code: 'quota_exceeded',
        detail:
          "The organisation's quota of 4 waiting jobs (maxQueued) is used up: 3 wait, and this request adds 2. " +
          'Wait until some have run, cancel some, or ask a SystemAdmin for a larger quota.',
      },
    });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect((await ask(greet())).status).toBe(202); // the fourth
    expect((await ask(greet())).status).toBe(429); // known at once, without a new count
    expect((await ask({ jobs: [greet()] }, '/batches')).status).toBe(429);
    expect((await ask(greet(), '', { 'idempotency-key': 'fresh' })).status).toBe(429);
  });

  it('let in again once there is room, within about a second', async () => {
    await empty();
    await eventually(
      () => ask(greet()),
      ({ status }) => status === 202,
    );
  });

  it('answer what was created before they were full', async () => {
    await empty();
    await setQuota({ jobs: 1 });
    const headers = { 'idempotency-key': 'before' };
    const first = await eventually(
      () => ask(greet(), '', headers),
      ({ status }) => status === 202,
    );
    await eventually(() => ask(greet()), refused);
    const again = await ask(greet(), '', headers);
    expect(again).toMatchObject({ status: 202, body: { id: first.body.id } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  it('count bytes of payload', async () => {
    await empty();
    await setQuota({ bytes: 1_000 });
    const large = greet({ payload: { name: 'x'.repeat(600) } });
    const words = '1,000 bytes of waiting payload (maxQueuedBytes)';
    await eventually(
      () => ask({ jobs: [large, large] }, '/bulk'),
      ({ status, body }) => status === 429 && body.detail.includes(words),
    );
    await empty();
    await eventually(
      () => ask(large),
      ({ status }) => status === 202,
    );
    expect((await ask(large)).status).toBe(429);
  });

  it('are each organisation’s own, and none where none is set', async () => {
    await setQuota({ jobs: 0 });
    await eventually(() => ask(greet()), refused);
    const { A, B } = app.organizations;
    const as = (organization: string) =>
      app.as('SystemAdmin').request('POST', '/api/system/background-jobs', {
        body: greet(),
        headers: { 'x-organization-id': organization },
      });
    expect([(await as(B)).status, (await as(A)).status]).toEqual([202, 429]);
    await setQuota(null);
    await eventually(
      () => ask(greet()),
      ({ status }) => status === 202,
    );
  });
});
