import { v7 as uuidv7 } from 'uuid';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { TestJobsModule } from './test-jobs.js';

describe('the controls of job types', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  const route = '/api/system/job-types';
  const root = () => app.as('SystemAdmin');

  it('shows what handlers declare, what is set instead, and what holds', async () => {
    const { body } = await root().request('GET', route);
    const limited = body.jobTypes.find(({ type }: { type: string }) => type === 'test.limited');
    const none = { maxRunning: null, perMinute: null, keyMaxRunning: null, keyPerMinute: null };
    expect(limited).toMatchObject({
      aliases: ['test_limited'],
      queue: 'default',
      maxRetries: 3,
      handled: true,
      internal: false,
      declaredLimits: { ...none, maxRunning: 4, keyPerMinute: 9 },
      setLimits: none,
      effectiveLimits: { maxRunning: 4, perMinute: null, keyMaxRunning: 1, keyPerMinute: 9 },
      retention: { keepCompletedDays: null, keepFailedDays: null, keepCancelledDays: null },
      pause: null,
    });
    const types = body.jobTypes.map(({ type }: { type: string }) => type);
    expect(types).toEqual([...types].sort((a: string, b: string) => (a < b ? -1 : 1)));
    expect(types).toEqual(expect.arrayContaining(['dataset.import', 'notifications.deliver', 'test.internal']));
  });

  it('sets and takes back limits and retention, by the type’s name or an alias, and tells the gates', async () => {
    const set = await root().request('PUT', `${route}/test.limited`, { body: { maxRunning: 2, keepFailedDays: 90 } });
    expect(set).toMatchObject({
      status: 200,
      body: { setLimits: { maxRunning: 2 }, effectiveLimits: { maxRunning: 2 }, retention: { keepFailedDays: 90 } },
    });
    const { rows } = await app.db.owner.query(`select gated from job_type_controls where job_type = 'test.limited'`);
    expect(rows).toEqual([{ gated: true }]);
    const told = await app.db.owner.query(`select from job_gates_to_check where job_type = 'test.limited'`);
    expect(told.rowCount).toBeGreaterThan(0);
    const back = await root().request('PUT', `${route}/test_limited`, { body: { maxRunning: null } });
    expect(back.body).toMatchObject({
      type: 'test.limited',
      setLimits: { maxRunning: null },
      effectiveLimits: { maxRunning: 4 },
    });
    expect((await root().request('GET', `${route}/test_limited`)).body).toEqual(back.body);
    const log = await app.db.owner.query(
      `select action, details from audit_log where target_id = 'test.limited' order by id`,
    );
    expect(log.rows).toMatchObject([
      {
        action: 'job-type.changed',
        details: { maxRunning: 2, keepFailedDays: 90, before: { maxRunning: null, keepFailedDays: null } },
      },
      { action: 'job-type.changed', details: { maxRunning: null, before: { maxRunning: 2 } } },
    ]);
  });

  it('pauses and resumes a type with who and why', async () => {
    const paused = await root().request('POST', `${route}/test.greet/pause`, {
      body: { reason: 'the provider is down' },
    });
    expect(paused).toMatchObject({
      status: 200,
      body: { pause: { by: { id: app.users.SystemAdmin }, reason: 'the provider is down' } },
    });
    const { rows } = await app.db.owner.query(`select gated from job_type_controls where job_type = 'test.greet'`);
    expect(rows).toEqual([{ gated: true }]);
    expect((await root().request('POST', `${route}/test.greet/resume`)).body.pause).toBeNull();
  });

  it('holds If-Match against what can be set', async () => {
    const read = await root().request('GET', `${route}/test.fail`);
    const headers = { 'if-match': read.headers.get('etag')! };
    const first = await root().request('PUT', `${route}/test.fail`, { body: { perMinute: 10 }, headers });
    expect(first.status).toBe(200);
    expect((await root().request('PUT', `${route}/test.fail`, { body: { perMinute: 20 }, headers })).status).toBe(412);
    const fresh = { 'if-match': first.headers.get('etag')! };
    expect(
      (await root().request('PUT', `${route}/test.fail`, { body: { perMinute: null }, headers: fresh })).status,
    ).toBe(200);
  });

  it('refuses what is no limit and what is no type', async () => {
    for (const body of [{ keyMaxRunning: 0 }, { keepFailedDays: -1 }, { maxRunning: 'x' }, { declaredLimits: {} }])
      expect((await root().request('PUT', `${route}/test.greet`, { body })).status).toBe(400);
    expect((await root().request('PUT', `${route}/nothing.such`, { body: { maxRunning: 1 } })).status).toBe(404);
    expect((await root().request('GET', `${route}/nothing.such`)).status).toBe(404);
    const { rowCount } = await app.db.owner.query(`select from job_type_controls where job_type = 'nothing.such'`);
    expect(rowCount).toBe(0);
  });

  it('shows types that only other processes handle', async () => {
    await app.db.owner.query(
      `insert into job_type_controls (job_type, declared_per_minute) values ('elsewhere.report', 5)`,
    );
    expect((await root().request('GET', `${route}/elsewhere.report`)).body).toMatchObject({
      handled: false,
      queue: null,
      declaredLimits: { perMinute: 5 },
      effectiveLimits: { perMinute: 5 },
    });
    const set = await root().request('PUT', `${route}/elsewhere.report`, { body: { perMinute: 6 } });
    expect(set.body.effectiveLimits.perMinute).toBe(6);
  });
});

describe('the controls of organisations', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  const of = (organizationId: string) => `/api/system/organizations/${organizationId}/job-controls`;
  const own = '/api/organization/job-controls';
  const root = () => app.as('SystemAdmin');

  it('are weight 1 and no limit until somebody sets them, field by field', async () => {
    const { A } = app.organizations;
    const untouched = {
      weight: 1,
      maxRunning: null,
      perMinute: null,
      maxQueued: null,
      maxQueuedBytes: null,
      pause: null,
    };
    const read = await root().request('GET', of(A));
    expect(read.body).toEqual({ organizationId: A, organizationName: 'Organisation A', ...untouched });
    const headers = { 'if-match': read.headers.get('etag')! };
    const set = await root().request('PUT', of(A), { body: { weight: 3, maxQueuedBytes: 5_000_000_000 }, headers });
    expect(set).toMatchObject({ status: 200, body: { weight: 3, maxQueuedBytes: 5_000_000_000, maxQueued: null } });
    expect((await root().request('PUT', of(A), { body: { weight: 4 }, headers })).status).toBe(412);
    expect((await root().request('PUT', of(A), { body: { weight: null, maxQueuedBytes: null } })).body).toMatchObject(
      untouched,
    );
    expect((await root().request('GET', of(uuidv7()))).status).toBe(404);
    for (const body of [{ weight: 0 }, { maxQueued: -1 }, { maxQueuedBytes: 0.5 }])
      expect((await root().request('PUT', of(A), { body })).status).toBe(400);
    const { rows } = await app.db.owner.query(
      `select action, actor_id, details from audit_log where organization_id = $1 and action like 'job-controls%' order by id`,
      [A],
    );
    expect(rows).toMatchObject([
      {
        action: 'job-controls.changed',
        actor_id: app.users.SystemAdmin,
        details: { weight: 3, before: { weight: 1 } },
      },
      { action: 'job-controls.changed', details: { weight: null, before: { weight: 3 } } },
    ]);
  });

  it('are read by an OrgAdmin, who pauses and resumes the jobs of its own organisation and no other', async () => {
    const { A, B } = app.organizations;
    const paused = await app.as('OrgAdmin').request('POST', `${own}/pause`, { body: { reason: 'a quiet day' } });
    expect(paused).toMatchObject({
      status: 200,
      body: { organizationId: A, pause: { by: { id: app.users.OrgAdmin, name: 'OrgAdmin' }, reason: 'a quiet day' } },
    });
    expect((await app.as('OtherOrgAdmin').request('GET', own)).body).toMatchObject({ organizationId: B, pause: null });
    expect((await root().request('GET', of(A))).body.pause.by.name).toBe('OrgAdmin');
    expect((await app.as('OrgAdmin').request('POST', `${own}/resume`)).body.pause).toBeNull();
    expect((await app.as('OrgAdmin').request('PUT', own, { body: { weight: 9 } })).status).toBe(404);
  });

  it('keep an OrgAdmin from lifting or overwriting a pause of the installation’s administrator', async () => {
    const { A } = app.organizations;
    await root().request('POST', `${of(A)}/pause`, { body: { reason: 'runaway jobs' } });
    for (const [path, body] of [
      [`${own}/resume`, {}],
      [`${own}/pause`, { reason: 'ours now' }],
    ] as const)
      expect(await app.as('OrgAdmin').request('POST', path, { body })).toMatchObject({
        status: 409,
        body: { code: 'paused_by_platform' },
      });
    const seen = await app.as('OrgAdmin').request('GET', own);
    // whose name it is is not the organisation's to know
    expect(seen.body.pause).toMatchObject({ reason: 'runaway jobs', by: { id: app.users.SystemAdmin, name: null } });
    expect((await root().request('POST', `${of(A)}/resume`)).body.pause).toBeNull();
  });
});
