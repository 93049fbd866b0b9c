import { createTestApp, type TestApp } from '../../support/test-app.js';
import { jobOnce, TestJobsModule } from './test-jobs.js';

const route = '/api/system/background-jobs';

describe('the creation of jobs', () => {
  let app: TestApp;
  let inA: Record<string, string>;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
    inA = { 'x-organization-id': app.organizations.A };
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const create = (body: unknown, headers: Record<string, string> = inA, path = route) =>
    root().request('POST', path, { body, headers });
  const count = async (key: string) => {
    const sql = `select count(*)::int as jobs from background_jobs where payload->>'name' = $1`;
    return (await app.db.owner.query<{ jobs: number }>(sql, [key])).rows[0]!.jobs;
  };

  it('answers the job and where it stands; it runs, and shows its result, progress, attempt and log', async () => {
    const asked = { jobType: 'test.greet', payload: { name: 'Ada' }, priority: 1, tags: ['morning'], maxRetries: 2 };
    const { status, headers, body } = await create(asked);
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`${route}/${body.id}`);
    expect(body).toMatchObject({
      ...asked,
      organizationId: app.organizations.A,
      queue: 'greetings',
      createdBy: app.users.SystemAdmin,
      retryCount: 0,
      subject: null,
    });
    const job = await jobOnce(root(), body.id, 'completed');
    expect(job).toMatchObject({
      progress: 100,
      progressMessage: 'found the words',
      result: { greeting: 'Hello Ada' },
      errorMessage: null,
      worker: null,
      attempts: [{ attempt: 1, outcome: 'completed', errorCode: null, worker: expect.any(String) }],
    });
    expect(Date.parse(job.completedAt)).toBeGreaterThanOrEqual(Date.parse(job.startedAt));
    const log = await root().request('GET', `${route}/${body.id}/log?limit=1`);
    expect(log.body).toEqual({
      entries: [
        {
          id: expect.any(String),
          attempt: 1,
          level: 'info',
          message: 'greeting',
          data: { name: 'Ada' },
          createdAt: expect.stringMatching(/Z$/),
        },
      ],
      total: 2,
    });
  });

  it('leaves a job of the future waiting', async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const { body } = await create({ jobType: 'test.greet', payload: { name: 'later' }, runAt });
    expect(body).toMatchObject({ status: 'queued', runAt, startedAt: null, completedAt: null });
  });

  describe('refuses', () => {
    it.each([
      ['no type', {}, '/jobType'],
      ['a field nobody knows', { jobType: 'test.greet', colour: 'red' }, '/colour'],
      ['a payload that is a list', { jobType: 'test.greet', payload: [] }, '/payload'],
      ['a priority that is no smallint', { jobType: 'test.greet', priority: 40_000 }, '/priority'],
      ['a time without a zone', { jobType: 'test.greet', runAt: '2030-01-01T00:00:00' }, '/runAt'],
      ['a time that is a number', { jobType: 'test.greet', runAt: 5 }, '/runAt'],
      ['a queue with capitals', { jobType: 'test.greet', queue: 'Imports' }, '/queue'],
      ['negative retries', { jobType: 'test.greet', maxRetries: -1 }, '/maxRetries'],
      ['no time at all', { jobType: 'test.greet', timeoutSeconds: 0 }, '/timeoutSeconds'],
      ['a tag that is a number', { jobType: 'test.greet', tags: [5] }, '/tags'],
    ])('%s as malformed', async (_, body, pointer) => {
      const answer = await create(body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(answer.body.errors).toContainEqual({ pointer, message: expect.any(String) });
    });

    it('a payload that does not fit its type, and says where', async () => {
      const { status, body } = await create({ jobType: 'test.greet', payload: { name: 5, times: 1.5, 'a/b': 1 } });
      expect(status).toBe(422);
      const pointers = body.errors.map((error: { pointer: string }) => error.pointer);
      expect(new Set(pointers)).toEqual(new Set(['/payload/name', '/payload/times', '/payload/a~1b']));
    });

    it('a missing payload where the type wants one', async () => {
      const { status, body } = await create({ jobType: 'test.greet' });
      expect({ status, pointer: body.errors[0].pointer }).toEqual({ status: 422, pointer: '/payload/name' });
    });

    it('text that PostgreSQL cannot keep, with its place', async () => {
      const { status, body } = await create({ jobType: 'test.greet', payload: { name: 'a\u0000b' } });
      expect([400, 422]).toContain(status);
      expect(body.errors[0].pointer).toBe('/payload/name');
    });

    it('an unknown type, and names the known ones but not the internal', async () => {
      const { status, body } = await create({ jobType: 'test.gret', payload: {} });
      expect(status).toBe(422);
      expect(body.errors[0]).toMatchObject({ pointer: '/jobType', message: expect.stringContaining('test.greet') });
      expect(body.errors[0].message).not.toContain('test.internal');
    });

    it('work of the system itself', async () => {
      const { status, body } = await create({ jobType: 'test.internal' });
      expect({ status, pointer: body.errors[0].pointer }).toEqual({ status: 422, pointer: '/jobType' });
    });

    it('a new queue from others than a SystemAdmin: a queue is the whole installation’s', async () => {
      const job = { jobType: 'test.greet', payload: { name: 'x' } };
      const ask = (queue: string, path = '/api/organization/background-jobs', body: object = { ...job, queue }) =>
        app.as('OrgAdmin').request('POST', path, { body });
      expect(await ask('brand-new')).toMatchObject({ status: 422, body: { errors: [{ pointer: '/queue' }] } });
      const bulk = { jobs: [job, { ...job, queue: 'brand-new' }] };
      expect(await ask('', '/api/organization/background-jobs/bulk', bulk)).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/jobs/1/queue' }] },
      });
      for (const queue of ['default', 'greetings']) expect((await ask(queue)).body).toMatchObject({ queue });
      expect((await create({ ...job, queue: 'brand-new' })).body).toMatchObject({ queue: 'brand-new' });
      expect((await ask('brand-new')).body).toMatchObject({ queue: 'brand-new' });
    });

    it('another organisation than the one the call acts on, and one that does not exist', async () => {
      const job = { jobType: 'test.greet', payload: { name: 'x' } };
      const elsewhere = await create({ ...job, organizationId: app.organizations.B });
      expect(elsewhere).toMatchObject({ status: 422, body: { errors: [{ pointer: '/organizationId' }] } });
      const nowhere = await create({ ...job, organizationId: '019aa000-0000-7000-8000-000000000009' }, {});
      expect(nowhere).toMatchObject({ status: 422, body: { errors: [{ pointer: '/organizationId' }] } });
      const orgAdmin = await app.as('OrgAdmin').request('POST', '/api/organization/background-jobs', {
        body: { ...job, organizationId: app.organizations.B },
      });
      expect(orgAdmin).toMatchObject({ status: 422, body: { errors: [{ pointer: '/organizationId' }] } });
    });
  });

  it('takes the organisation from the body where a SystemAdmin sends no header, else its own', async () => {
    const job = { jobType: 'test.greet', payload: { name: 'x' } };
    const named = await create({ ...job, organizationId: app.organizations.B }, {});
    expect(named.body.organizationId).toBe(app.organizations.B);
    expect((await create(job, {})).body.organizationId).toBe(app.organizations.P);
    const v2 = await create({ ...job, organizationId: app.organizations.B }, {}, '/api/v2/jobs');
    expect(v2).toMatchObject({
      status: 202,
      body: { organizationId: app.organizations.B, status: expect.any(String) },
    });
    const { status } = await root().request('GET', v2.headers.get('location')!);
    expect(status).toBe(200);
  });

  it('takes jobs from an API key with jobs:create, which finds its own again', async () => {
    const { body: key } = await app.as('OrgAdmin').request('POST', '/api/organization/api-keys', {
      body: { name: 'machine', scopes: ['jobs:create', 'jobs:read'] },
    });
    const machine = app.withHeaders({ authorization: `Bearer ${key.key}` });
    const body = { jobType: 'test.greet', payload: { name: 'machine' } };
    for (const path of [route, '/api/v2/jobs']) {
      const made = await machine.request('POST', path, { body });
      expect(made).toMatchObject({ status: 202, body: { organizationId: app.organizations.A, createdBy: key.id } });
      const own = await machine.request('GET', `/api/v2/jobs/${made.body.id}`);
      expect(own).toMatchObject({ status: 200, body: { id: made.body.id } });
    }
  });

  describe('with an Idempotency-Key', () => {
    const withKey = (key: string) => ({ ...inA, 'idempotency-key': key });
    const body = (name: string) => ({ jobType: 'test.greet', payload: { name, times: 2 }, tags: ['a'] });

    it('makes one job of the same body sent again, in whatever order its fields come', async () => {
      const first = await create(body('once'), withKey('k1'));
      const { jobType, payload, tags } = body('once');
      const again = await create({ tags, payload: { times: 2, name: payload.name }, jobType }, withKey('k1'));
      expect([first.status, again.status]).toEqual([202, 202]);
      expect(again.body.id).toBe(first.body.id);
      expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
      expect(await count('once')).toBe(1);
    });

    it('refuses another body under the same key', async () => {
      await create(body('mine'), withKey('k2'));
      const other = await create(body('another'), withKey('k2'));
      expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
      expect(await count('another')).toBe(0);
    });

    it('makes one job of twenty that arrive at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => create(body('twenty'), withKey('k3'))));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      expect(new Set(answers.map(({ body: job }) => job.id)).size).toBe(1);
      expect(await count('twenty')).toBe(1);
    });

    it('keeps organisations apart', async () => {
      const inB = { 'x-organization-id': app.organizations.B, 'idempotency-key': 'k4' };
      const [a, b] = [await create(body('apart'), withKey('k4')), await create(body('apart'), inB)];
      expect(a.body.id).not.toBe(b.body.id);
    });

    it('forgets the key after a day', async () => {
      const first = await create(body('day'), withKey('k5'));
      await app.db.owner.query(
        `update background_jobs set created_at = created_at - interval '25 hours' where id = $1`,
        [first.body.id],
      );
      const later = await create(body('day'), withKey('k5'));
      expect(later.status).toBe(202);
      expect(later.body.id).not.toBe(first.body.id);
    });

    it('refuses a key that is none', async () => {
      const answer = await create(body('none'), withKey('two words'));
      expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer: 'header/idempotency-key' }] } });
    });
  });

  describe('in bulk', () => {
    const greet = (name: unknown) => ({ jobType: 'test.greet', payload: { name } });
    const bulk = (jobs: unknown, headers = inA) => create({ jobs }, headers, `${route}/bulk`);

    it('makes all, in their order', async () => {
      const { status, body } = await bulk([greet('bulk 0'), greet('bulk 1'), greet('bulk 2')]);
      expect(status).toBe(202);
      const names = await Promise.all(
        body.ids.map(async (id: string) => (await root().request('GET', `${route}/${id}`)).body.payload.name),
      );
      expect(names).toEqual(['bulk 0', 'bulk 1', 'bulk 2']);
    });

    it('takes a thousand and no more', async () => {
      const thousand = Array.from({ length: 1_000 }, () => greet('thousand'));
      expect((await bulk(thousand)).body.ids).toHaveLength(1_000);
      expect(await bulk([...thousand, greet('thousand')])).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/jobs' }] },
      });
      expect(await bulk([])).toMatchObject({ status: 400 });
      expect(await count('thousand')).toBe(1_000);
    });

    it('makes none where one is wrong, and says which', async () => {
      const { status, body } = await bulk([greet('none'), greet(5), { jobType: 'nobody' }]);
      expect(status).toBe(422);
      expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
        '/jobs/1/payload/name',
        '/jobs/2/jobType',
      ]);
      const malformed = await bulk([greet('none'), { ...greet('none'), priority: 'high' }]);
      expect(malformed).toMatchObject({ status: 400, body: { errors: { 0: { pointer: '/jobs/1/priority' } } } });
      expect(await count('none')).toBe(0);
    });

    it('refuses jobs of two organisations', async () => {
      const { A, B } = app.organizations;
      const jobs = [A, A, B].map((organizationId) => ({ ...greet('two'), organizationId }));
      expect(await bulk(jobs, {})).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/jobs/2/organizationId' }] },
      });
      expect(await count('two')).toBe(0);
    });

    it('is carried out once a key', async () => {
      const headers = { ...inA, 'idempotency-key': 'bulk' };
      const first = await bulk([greet('bulk once')], headers);
      const again = await bulk([greet('bulk once')], headers);
      expect(again.body).toEqual(first.body);
      expect(await count('bulk once')).toBe(1);
    });
  });

  it('writes no audit record: a job is its own', async () => {
    const { rows } = await app.db.owner.query(`select action from audit_log where target_type = 'job'`);
    expect(rows).toEqual([]);
  });
});
