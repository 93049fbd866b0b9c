import { createTestApp, type TestApp } from '../../support/test-app.js';
import { eventually, gate, jobOnce, TestJobsModule } from './test-jobs.js';

const route = '/api/system/background-jobs';

describe('what is done to a job', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const create = async (jobType: string, more: object = {}): Promise<string> => {
    const body = { jobType, organizationId: app.organizations.A, ...more };
    const { status, body: job } = await root().request('POST', route, { body });
    expect(status).toBe(202);
    return job.id;
  };
  const inAnHour = () => ({ runAt: new Date(Date.now() + 3_600_000) });
  const act = (id: string, action: string, body: object = {}) =>
    root().request('POST', `${route}/${id}/${action}`, { body });
  const audited = async (id: string) => {
    const sql = `select organization_id, actor_id, action, details, address, trace_id from audit_log where target_id = $1 order by id`;
    return (await app.db.owner.query(sql, [id])).rows;
  };

  describe('cancel', () => {
    it('ends a queued job at once, keeps the reason, and is audited where the job belongs', async () => {
      const id = await create('test.greet', { payload: { name: 'x' }, ...inAnHour() });
      const { status, body } = await act(id, 'cancel', { reason: 'changed my mind' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ id, status: 'cancelled', cancelReason: 'changed my mind', attempts: [] });
      expect(body.completedAt).not.toBeNull();
      expect(await audited(id)).toMatchObject([
        {
          organization_id: app.organizations.A,
          actor_id: app.users.SystemAdmin,
          action: 'job.cancelled',
          details: { reason: 'changed my mind' },
        },
      ]);
    });

    it('fires the signal of a running job within a second; the job ends as cancelled', async () => {
      const id = await create('test.gate', { payload: { id: 'cancel' } });
      const running = await jobOnce(root(), id, 'processing');
      expect(running).toMatchObject({ completedAt: null, worker: expect.any(String) });
      expect(running.startedAt).not.toBeNull();
      await eventually(async () => gate.opened.has('cancel'), Boolean);
      const asked = performance.now();
      const { status, body } = await act(id, 'cancel', { reason: 'enough' });
      expect(status).toBe(200);
      expect(body.cancelRequestedAt).not.toBeNull();
      await eventually(async () => gate.abortedAt.has('cancel'), Boolean);
      expect(gate.abortedAt.get('cancel')! - asked).toBeLessThan(1_000);
      expect(await jobOnce(root(), id, 'cancelled')).toMatchObject({
        cancelReason: 'enough',
        attempts: [{ attempt: 1, outcome: 'cancelled' }],
      });
    });

    it('is refused for a job that has ended, and leaves no record', async () => {
      const id = await create('test.greet', { payload: { name: 'x' } });
      await jobOnce(root(), id, 'completed');
      expect(await act(id, 'cancel')).toMatchObject({ status: 409, body: { code: 'job_already_ended' } });
      expect(await audited(id)).toEqual([]);
    });

    it('takes no body at all, but no unknown field and no endless reason', async () => {
      const id = await create('test.greet', { payload: { name: 'x' }, ...inAnHour() });
      expect((await act(id, 'cancel', { because: 'x' })).status).toBe(400);
      expect((await act(id, 'cancel', { reason: 'x'.repeat(501) })).status).toBe(400);
      const { status, body } = await root().request('POST', `${route}/${id}/cancel`);
      expect({ status, reason: body.cancelReason }).toEqual({ status: 200, reason: null });
    });
  });

  describe('retry', () => {
    it('runs a failed job again and keeps the history of its attempts', async () => {
      const id = await create('test.fail');
      const failed = await jobOnce(root(), id, 'failed');
      expect(failed).toMatchObject({ errorMessage: 'out of ink', retryCount: 1 });
      expect(failed.attempts).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
      const { status, body } = await act(id, 'retry');
      expect(status).toBe(200);
      expect(body).toMatchObject({ id, status: 'queued', completedAt: null });
      expect(body.attempts).toHaveLength(2);
      const again = await eventually(
        async () => (await root().request('GET', `${route}/${id}`)).body,
        (job) => job.status === 'failed' && job.attempts.length > 2,
      );
      expect(again.attempts.map(({ attempt }: { attempt: number }) => attempt)).toEqual(
        again.attempts.map((_: unknown, index: number) => index + 1),
      );
      expect(again.attempts[0]).toEqual(failed.attempts[0]);
      expect(await audited(id)).toMatchObject([{ action: 'job.retried', organization_id: app.organizations.A }]);
    });

    it('is refused for a job that waits or runs', async () => {
      const waiting = await create('test.greet', { payload: { name: 'x' }, ...inAnHour() });
      expect(await act(waiting, 'retry')).toMatchObject({ status: 409, body: { code: 'job_not_ended' } });
      const running = await create('test.gate', { payload: { id: 'retry' } });
      await jobOnce(root(), running, 'processing');
      expect(await act(running, 'retry')).toMatchObject({ status: 409, body: { code: 'job_not_ended' } });
      await eventually(async () => gate.opened.has('retry'), Boolean);
      gate.opened.get('retry')!();
      await jobOnce(root(), running, 'completed');
      expect(await audited(running)).toEqual([]);
    });
  });

  it('answers 404 for a job of another organisation by every route, and leaves it as it was', async () => {
    const { body: job } = await root().request('POST', route, {
      body: { jobType: 'test.greet', payload: { name: 'b' }, organizationId: app.organizations.B, ...inAnHour() },
    });
    const orgAdmin = app.as('OrgAdmin');
    const inA = { 'x-organization-id': app.organizations.A };
    const own = `/api/organization/background-jobs/${job.id}`;
    for (const [method, path] of [
      ['GET', own],
      ['GET', `${own}/log`],
      ['POST', `${own}/cancel`],
      ['POST', `${own}/retry`],
      ['GET', `/job-logs/${job.id}`],
      ['GET', `/api/v2/jobs/${job.id}`],
    ] as const) {
      const { status } = await orgAdmin.request(method, path, method === 'POST' ? { body: {} } : {});
      expect({ path, status }).toEqual({ path, status: 404 });
      if (path.startsWith('/api/v2')) continue;
      const elsewhere = await root().request(method, path.replace('/organization/', '/system/'), { headers: inA });
      expect({ path, status: elsewhere.status }).toEqual({ path, status: 404 });
    }
    expect((await root().request('GET', `${route}/${job.id}`)).body).toMatchObject({
      status: 'queued',
      updatedAt: job.updatedAt,
    });
  });

  it('lets an OrgAdmin act on the jobs of its organisation', async () => {
    const id = await create('test.greet', { payload: { name: 'x' }, ...inAnHour() });
    const path = `/api/organization/background-jobs/${id}`;
    const cancelled = await app.as('OrgAdmin').request('POST', `${path}/cancel`, { body: { reason: 'ours' } });
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    const retried = await app.as('OrgAdmin').request('POST', `${path}/retry`);
    expect(retried).toMatchObject({ status: 200, body: { id, cancelRequestedAt: null } });
    expect(await audited(id)).toMatchObject([
      {
        action: 'job.cancelled',
        actor_id: app.users.OrgAdmin,
        address: '127.0.0.1',
        trace_id: cancelled.headers.get('x-request-id'),
      },
      { action: 'job.retried', actor_id: app.users.OrgAdmin, trace_id: retried.headers.get('x-request-id') },
    ]);
  });

  it('refuses the eleventh cancel or retry within a minute and says when to come back', async () => {
    const limited = await createTestApp({
      database: app.db,
      population: { organizations: app.organizations, users: app.users },
      environment: { THROTTLE_JOB_ACTIONS: '10' },
      modules: [TestJobsModule],
    });
    try {
      const id = '019aa000-0000-7000-8000-000000000009';
      const answers = [];
      for (let call = 0; call < 11; call++) {
        const action = call % 2 ? 'retry' : 'cancel';
        const path = `/api/organization/background-jobs/${id}/${action}`;
        answers.push(await limited.as('OtherOrgAdmin').request('POST', path, { body: {} }));
      }
      expect(answers.map(({ status }) => status)).toEqual([...Array<number>(10).fill(404), 429]);
      expect(Number(answers[10]!.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await limited.close();
    }
  });
});
