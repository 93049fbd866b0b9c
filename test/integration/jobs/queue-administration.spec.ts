import { v7 as uuidv7 } from 'uuid';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';
import { eventually, gate, jobOnce, TestJobsModule } from './test-jobs.js';

const route = '/api/system/queues';

describe('the administration of queues', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const audited = async (name: string) => {
    const sql = `select action, organization_id, actor_id, target_type, details, address from audit_log where target_id = $1 order by id`;
    return (await app.db.owner.query(sql, [name])).rows;
  };

  it('shows every queue with its depth, what runs and since when the oldest waits', async () => {
    await seedJob(app, { status: 'queued', age: 90_000 });
    await seedJob(app, { status: 'queued', organizationId: app.organizations.B, age: 600_000 });
    await seedJob(app, { status: 'processing' });
    await seedJob(app, { status: 'completed' });
    const { status, body } = await root().request('GET', route);
    expect(status).toBe(200);
    const queue = body.queues.find(({ name }: { name: string }) => name === 'default');
    expect(queue).toMatchObject({
      ready: 2,
      later: 0,
      held: 0,
      running: 1,
      maxRunning: null,
      perMinute: null,
      pause: null,
    });
    expect(Date.now() - Date.parse(queue.oldestReadySince)).toBeGreaterThanOrEqual(600_000);
    expect(Date.now() - Date.parse(queue.oldestReadySince)).toBeLessThan(660_000);
    // a queue that a job type names is there before its first job
    expect(body.queues).toContainEqual(
      expect.objectContaining({ name: 'greetings', ready: 0, oldestReadySince: null }),
    );
    const one = await root().request('GET', `${route}/default`);
    expect(one.body).toEqual(queue);
  });

  it('counts what has its time still to come, and what is held', async () => {
    const later = await seedJob(app, { status: 'queued', organizationId: app.organizations.B });
    const held = await seedJob(app, { status: 'queued', organizationId: app.organizations.B });
    const { body: before } = await root().request('GET', `${route}/default`);
    await app.db.owner.query(
      `with moved as (delete from job_ready where job_id = $1 returning *)
       insert into job_later (job_id, due_at, queue, org, rank, run) select job_id, now() + interval '1 h', queue, org, rank, run from moved`,
      [later],
    );
    await app.db.owner.query(
      `with moved as (delete from job_ready where job_id = $1 returning *)
       insert into job_held (job_id, queue, org, rank, run, job_type) select job_id, queue, org, rank, run, 'seeded' from moved`,
      [held],
    );
    const { body } = await root().request('GET', `${route}/default`);
    expect(body).toMatchObject({ ready: before.ready - 2, later: before.later + 1, held: before.held + 1 });
  });

  it('sets limits one by one, takes them back by null, and audits each change with what was before', async () => {
    const set = await root().request('PUT', `${route}/greetings`, { body: { maxRunning: 5 } });
    expect(set).toMatchObject({ status: 200, body: { name: 'greetings', maxRunning: 5, perMinute: null } });
    const more = await root().request('PUT', `${route}/greetings`, { body: { perMinute: 60 } });
    expect(more.body).toMatchObject({ maxRunning: 5, perMinute: 60 });
    const back = await root().request('PUT', `${route}/greetings`, { body: { maxRunning: null } });
    expect(back.body).toMatchObject({ maxRunning: null, perMinute: 60 });
    expect((await root().request('PUT', `${route}/greetings`, { body: {} })).status).toBe(200);
    expect(await audited('greetings')).toMatchObject([
      {
        action: 'queue.changed',
        organization_id: app.organizations.P,
        actor_id: app.users.SystemAdmin,
        target_type: 'queue',
        details: { maxRunning: 5, before: { maxRunning: null, perMinute: null } },
        address: '127.0.0.1',
      },
      { details: { perMinute: 60 } },
      { details: { maxRunning: null, before: { maxRunning: 5, perMinute: 60 } } },
    ]);
  });

  it.each([
    [{ maxRunning: -1 }],
    [{ maxRunning: 1.5 }],
    [{ maxRunning: '5' }],
    [{ perMinute: 1_000_001 }],
    [{ weight: 2 }],
    [{ pausedReason: 'x' }],
  ])('refuses %j', async (body) => {
    expect((await root().request('PUT', `${route}/default`, { body })).status).toBe(400);
  });

  it('changes nothing that somebody else has changed since: If-Match', async () => {
    const path = `${route}/default`;
    const read = await root().request('GET', path);
    const tag = read.headers.get('etag')!;
    expect(tag).toMatch(/^"[\w-]{16}"$/);
    const first = await root().request('PUT', path, { body: { maxRunning: 7 }, headers: { 'if-match': tag } });
    expect(first.status).toBe(200);
    expect(first.headers.get('etag')).not.toBe(tag);
    for (const [method, place, body] of [
      ['PUT', path, { maxRunning: 9 }],
      ['POST', `${path}/pause`, { reason: 'x' }],
      ['POST', `${path}/resume`, {}],
    ] as const) {
      const late = await root().request(method, place, { body, headers: { 'if-match': tag } });
      expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
      expect(late.headers.get('etag')).toBe(first.headers.get('etag'));
    }
    expect((await root().request('GET', path)).body).toMatchObject({ maxRunning: 7, pause: null });
    await root().request('PUT', path, { body: { maxRunning: null } });
  });

  it('keeps who paused, since when and why; pausing again keeps the newest', async () => {
    const paused = await root().request('POST', `${route}/default/pause`, { body: { reason: 'stocktaking' } });
    expect(paused).toMatchObject({
      status: 200,
      body: { pause: { by: { id: app.users.SystemAdmin, name: 'SystemAdmin' }, reason: 'stocktaking' } },
    });
    expect(Math.abs(Date.parse(paused.body.pause.since) - Date.now())).toBeLessThan(60_000);
    await root().request('POST', `${route}/default/pause`, { body: { reason: 'still counting' } });
    expect((await root().request('GET', `${route}/default`)).body.pause.reason).toBe('still counting');
    const resumed = await root().request('POST', `${route}/default/resume`);
    expect(resumed).toMatchObject({ status: 200, body: { pause: null } });
    expect((await root().request('POST', `${route}/default/resume`)).status).toBe(200);
    expect((await audited('default')).map(({ action }) => action).slice(-3)).toEqual([
      'queue.paused',
      'queue.paused',
      'queue.resumed',
    ]);
    for (const body of [{}, { reason: '' }, { reason: 'x'.repeat(501) }])
      expect((await root().request('POST', `${route}/default/pause`, { body })).status).toBe(400);
  });

  it('does not know queues that nobody has named, nor names that are none', async () => {
    for (const name of ['nowhere', 'No%20Name', 'x'.repeat(100)]) {
      expect((await root().request('GET', `${route}/${name}`)).status).toBe(404);
      expect((await root().request('PUT', `${route}/${name}`, { body: { maxRunning: 1 } })).status).toBe(404);
      expect((await root().request('GET', `${route}/${name}/shares`)).status).toBe(404);
    }
  });

  describe('shares', () => {
    const share = (organizationId: string) => `${route}/default/shares/${organizationId}`;

    it('gives an organisation a weight and limits of its own in one queue, and takes them back', async () => {
      const { A, B } = app.organizations;
      const made = await root().request('PUT', share(A), { body: { weight: 2.5, maxRunning: 3 } });
      expect(made).toMatchObject({
        status: 200,
        body: { organizationId: A, organizationName: 'Organisation A', weight: 2.5, maxRunning: 3, perMinute: null },
      });
      await root().request('PUT', share(B), { body: { perMinute: 10 } });
      const changed = await root().request('PUT', share(A), { body: { weight: null } });
      expect(changed.body).toMatchObject({ weight: null, maxRunning: 3 });
      const { body } = await root().request('GET', `${route}/default/shares?limit=1&skip=1`);
      expect(body).toMatchObject({ shares: [{ organizationId: B, perMinute: 10 }], total: 2 });
      expect((await root().request('DELETE', share(A))).status).toBe(204);
      expect((await root().request('DELETE', share(A))).status).toBe(404);
      expect((await root().request('GET', `${route}/default/shares`)).body.total).toBe(1);
      const { rows } = await app.db.owner.query(
        `select action, details from audit_log where organization_id = $1 and action like 'queue-share%' order by id`,
        [A],
      );
      expect(rows).toMatchObject([
        { action: 'queue-share.changed', details: { weight: 2.5, organizationId: A } },
        { action: 'queue-share.changed' },
        { action: 'queue-share.deleted' },
      ]);
    });

    it('refuses a weight that is none, and an organisation that does not exist', async () => {
      for (const weight of [0, 0.5, 1_001, '2'])
        expect((await root().request('PUT', share(app.organizations.A), { body: { weight } })).status).toBe(400);
      expect((await root().request('PUT', share(uuidv7()), { body: { weight: 2 } })).status).toBe(404);
    });
  });

  it('holds back every job of a paused queue, over a restart, and lets them go when it is resumed', async () => {
    await root().request('POST', `${route}/greetings/pause`, { body: { reason: 'nobody to greet' } });
    const { body: job } = await root().request('POST', '/api/system/background-jobs', {
      body: { jobType: 'test.greet', payload: { name: 'Ada' }, organizationId: app.organizations.A },
    });
    const population = { organizations: app.organizations, users: app.users };
    const worker = await createTestApp({ worker: true, database: app.db, population, modules: [TestJobsModule] });
    try {
      // a job of another queue that is asked for later shows that the worker has looked
      const { body: other } = await root().request('POST', '/api/system/background-jobs', {
        body: { jobType: 'test.gate', payload: { id: 'pause' }, organizationId: app.organizations.A },
      });
      await jobOnce(root(), other.id, 'processing');
      await eventually(async () => gate.opened.has('pause'), Boolean);
      gate.opened.get('pause')!();
      await jobOnce(root(), other.id, 'completed');
      expect((await root().request('GET', `/api/system/background-jobs/${job.id}`)).body.status).toBe('queued');
      await worker.as('SystemAdmin').request('POST', `${route}/greetings/resume`);
      await jobOnce(root(), job.id, 'completed');
    } finally {
      await worker.close();
    }
  });

  it('is throttled like every other change', async () => {
    await app.db.owner.query(`delete from throttle_counters`);
    const limited = await createTestApp({
      database: app.db,
      population: { organizations: app.organizations, users: app.users },
      environment: { THROTTLE_MUTATIONS: '2' },
    });
    try {
      const answers = [];
      for (let call = 0; call < 3; call++)
        answers.push(await limited.as('SystemAdmin').request('PUT', `${route}/default`, { body: {} }));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    } finally {
      await limited.close();
    }
  });
});
