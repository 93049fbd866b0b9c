import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';
import { TestJobsModule } from './test-jobs.js';

const jobs = '/api/system/background-jobs';

/** No worker runs here, so that everything stays where it is put; one is made up where one is needed. */
describe('the explanation of a job', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ modules: [TestJobsModule] });
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const sql = (text: string, values: unknown[] = []) => app.db.owner.query(text, values);
  const create = async (more: object = {}): Promise<string> => {
    const body = { jobType: 'test.greet', payload: { name: 'x' }, organizationId: app.organizations.A, ...more };
    const { status, body: job } = await root().request('POST', jobs, { body });
    expect(status).toBe(202);
    return job.id;
  };
  const explain = async (id: string, caller = root(), face = 'system') => {
    const { status, body } = await caller.request('GET', `/api/${face}/background-jobs/${id}/explain`);
    expect(status).toBe(200);
    return body;
  };
  const codes = async (id: string) => (await explain(id)).reasons.map(({ code }: { code: string }) => code);
  const worker = (queues: string[] = []) =>
    sql(
      `insert into job_workers (name, queues, lease_expires_at) values ('made up', $1, carillon_now() + interval '1 day') returning worker`,
      [queues],
    ).then(({ rows }) => rows[0].worker as number);
  /** Where enqueuing would have put a job that has to wait for something else than its turn. */
  const hold = (id: string, more: { parents?: boolean; batch?: string } = {}) =>
    sql(
      `with moved as (delete from job_ready where job_id = $1 returning *)
       insert into job_held (job_id, queue, org, rank, run, job_type, concurrency_key, awaits_parents, awaits_batch)
         select m.job_id, m.queue, m.org, m.rank, m.run, b.job_type, b.concurrency_key, $2, $3
           from moved m join background_jobs b on b.id = m.job_id`,
      [id, more.parents ?? false, more.batch ?? null],
    );

  it('says that no worker serves its queue, until one does', async () => {
    const id = await create();
    expect(await explain(id)).toEqual({
      jobId: id,
      status: 'queued',
      reasons: [{ code: 'no_worker', message: 'No worker serves the queue "greetings": no worker is running at all.' }],
      estimate: null,
    });
    await worker(['others']);
    expect((await explain(id)).reasons[0].message).toBe(
      'No worker serves the queue "greetings": 1 worker serves others.',
    );
    await worker(['greetings', 'others']);
    expect(await codes(id)).toEqual(['waits_its_turn']);
  });

  describe('with a worker', () => {
    beforeAll(async () => {
      await worker();
    });

    it('tells how many of its organisation come first and how many organisations take turns', async () => {
      await create({ queue: 'turns', organizationId: app.organizations.B });
      const first = await create({ queue: 'turns' });
      const low = await create({ queue: 'turns', priority: -1 });
      await create({ queue: 'turns' });
      expect((await explain(first)).reasons).toMatchObject([{ place: { ahead: 0, organizations: 2 } }]);
      expect((await explain(low)).reasons).toMatchObject([{ place: { ahead: 2, organizations: 2 } }]);
    });

    it('finds a ready job whose rank was not made of its time', async () => {
      expect(await codes(await seedJob(app, { status: 'queued' }))).toEqual(['no_handler']);
      expect(await codes(await seedJob(app, { status: 'queued', jobType: 'test.greet' }))).toEqual(['waits_its_turn']);
    });

    it('estimates its start from what started lately', async () => {
      const { B } = app.organizations;
      for (let n = 0; n < 20; n++)
        await seedJob(app, {
          organizationId: B,
          jobType: 'test.greet',
          age: 100_000 - n * 5_000,
          waitMs: 0,
          runMs: 10,
        });
      const id = await seedJob(app, { organizationId: B, jobType: 'test.greet', status: 'queued' });
      const { estimate } = await explain(id);
      expect(estimate).toMatchObject({ recentStarts: 20 });
      // 20 starts in some 100 s: about 5 s for the next
      const seconds = (Date.parse(estimate.startsAt) - Date.now()) / 1_000;
      expect(seconds).toBeGreaterThan(1);
      expect(seconds).toBeLessThan(30);
    });

    it('tells pauses with who and why, but no organisation the name of a stranger', async () => {
      const id = await create();
      await root().request('POST', '/api/system/queues/greetings/pause', { body: { reason: 'moving' } });
      await root().request('POST', '/api/system/job-types/test.greet/pause', { body: { reason: 'too loud' } });
      await app
        .as('OrgAdmin')
        .request('POST', '/api/organization/job-controls/pause', { body: { reason: 'a quiet day' } });
      const { reasons } = await explain(id);
      expect(reasons).toMatchObject([
        { code: 'queue_paused', pause: { by: { id: app.users.SystemAdmin, name: 'SystemAdmin' }, reason: 'moving' } },
        { code: 'organization_paused', pause: { by: { name: 'OrgAdmin' } } },
        { code: 'job_type_paused' },
      ]);
      expect(reasons[0].message).toMatch(/^The queue "greetings" has been paused since .* by SystemAdmin: moving\.$/);
      const seen = await explain(id, app.as('OrgAdmin'), 'organization');
      expect(seen.reasons).toMatchObject([
        { pause: { by: { name: null } } },
        { pause: { by: { name: 'OrgAdmin' } } },
        {},
      ]);
      expect(JSON.stringify(seen)).not.toContain('by SystemAdmin');
      await root().request('POST', '/api/system/queues/greetings/resume');
      await root().request('POST', '/api/system/job-types/test.greet/resume');
      await app.as('OrgAdmin').request('POST', '/api/organization/job-controls/resume');
      expect(await codes(id)).toEqual(['waits_its_turn']);
    });

    it('tells when a job of the future may run', async () => {
      const runAt = new Date(Date.now() + 3_600_000).toISOString();
      expect((await explain(await create({ runAt }))).reasons).toMatchObject([{ code: 'scheduled', at: runAt }]);
    });

    it('names the parents that have not completed, and what to do about those that never will', async () => {
      const waiting = await create();
      const failed = await seedJob(app, { status: 'failed', errorCode: 'x' });
      const completed = await seedJob(app, { status: 'completed' });
      const child = await create();
      for (const parent of [waiting, failed, completed])
        await sql(`insert into job_dependencies (job_id, parent_id, organization_id) values ($1, $2, $3)`, [
          child,
          parent,
          app.organizations.A,
        ]);
      await hold(child, { parents: true });
      const { body: queued } = await root().request('GET', `${jobs}?status=queued&limit=200`);
      expect(queued.jobs.map(({ id }: { id: string }) => id)).toContain(child); // held is queued, too
      expect((await explain(child)).reasons).toMatchObject([
        { code: 'waits_for_parents', parents: [{ id: waiting, jobType: 'test.greet', status: 'queued' }] },
        { code: 'parent_will_not_complete', parents: [{ id: failed, status: 'failed' }] },
      ]);
    });

    it('counts what is left of the batch whose end it is to tell of', async () => {
      const id = await create();
      const { rows } = await sql(
        `insert into job_batches (id, organization_id, name, total, pending, completed) values (gen_random_uuid(), $1, 'nightly', 10, 3, 7) returning id`,
        [app.organizations.A],
      );
      await hold(id, { batch: rows[0].id });
      expect((await explain(id)).reasons).toMatchObject([
        { code: 'waits_for_batch', batch: { id: rows[0].id, name: 'nightly', total: 10, pending: 3 } },
      ]);
    });

    it('names the limits of queue, organisation and share that are full', async () => {
      const id = await create({ queue: 'limited' });
      const [queue] = (await sql(`select number from queues where name = 'limited'`)).rows;
      const [org] = (await sql(`select number from organizations where id = $1`, [app.organizations.A])).rows;
      await root().request('PUT', '/api/system/queues/limited', { body: { maxRunning: 3, perMinute: 5 } });
      const share = `/api/system/queues/limited/shares/${app.organizations.A}`;
      await root().request('PUT', share, { body: { maxRunning: 3, perMinute: 50 } });
      const controls = `/api/system/organizations/${app.organizations.A}/job-controls`;
      await root().request('PUT', controls, { body: { maxRunning: 4 } });
      expect(await codes(id)).toEqual(['waits_its_turn']);
      const busy = await worker();
      const running = { [queue.number]: { [org.number]: 3 }, [queue.number + 1_000]: { [org.number]: 1 } };
      await sql(`update job_workers set running = $2 where worker = $1`, [busy, running]);
      await sql(`insert into job_starts (gate, second, starts) values ($1, extract(epoch from carillon_now()), 5)`, [
        `queue:${queue.number}`,
      ]);
      const { reasons } = await explain(id);
      expect(reasons.map(({ limit }: { limit: object }) => limit)).toEqual(
        expect.arrayContaining([
          { scope: 'queue', kind: 'runningAtOnce', name: 'limited', used: 3, most: 3 },
          { scope: 'queue', kind: 'startsPerMinute', name: 'limited', used: 5, most: 5 },
          { scope: 'share', kind: 'runningAtOnce', name: 'limited', used: 3, most: 3 },
          { scope: 'organization', kind: 'runningAtOnce', name: app.organizations.A, used: 4, most: 4 },
        ]),
      );
      expect(reasons).toHaveLength(4);
      await sql(`delete from job_workers where worker = $1`, [busy]);
      await root().request('PUT', controls, { body: { maxRunning: null } });
    });

    it('names the limits of type and key that are full, and tells when it is let go', async () => {
      const [running, waiting] = [await create(), await create()];
      await sql(`update background_jobs set concurrency_key = 'printer' where id = $1`, [waiting]);
      await hold(waiting);
      await root().request('PUT', '/api/system/job-types/test.greet', { body: { maxRunning: 1 } });
      expect(await codes(waiting)).toEqual(['about_to_start']);
      await sql(
        `insert into job_slots (job_id, run, job_type, org, concurrency_key)
           select $1, 0, 'test.greet', number, 'printer' from organizations where id = $2`,
        [running, app.organizations.A],
      );
      expect((await explain(waiting)).reasons).toMatchObject([
        { code: 'limit_reached', limit: { scope: 'jobType', kind: 'runningAtOnce', used: 1, most: 1 } },
        { code: 'limit_reached', limit: { scope: 'concurrencyKey', name: 'printer', used: 1, most: 1 } },
      ]);
      // a slot of a run that is over counts no more
      await sql(`update background_jobs set run = 1 where id = $1`, [running]);
      expect(await codes(waiting)).toEqual(['about_to_start']);
      await root().request('PUT', '/api/system/job-types/test.greet', { body: { maxRunning: null } });
    });

    it('says where a job runs and how one ended', async () => {
      expect(await explain(await seedJob(app, { status: 'processing' }))).toMatchObject({
        status: 'processing',
        reasons: [{ code: 'running', message: expect.stringContaining(' on seeded, attempt 1.') }],
      });
      const failed = await seedJob(app, { status: 'failed', errorCode: 'bad_row', errorMessage: 'row 3' });
      expect(await explain(failed)).toMatchObject({
        reasons: [{ code: 'failed', message: expect.stringContaining('[bad_row] row 3') }],
      });
      expect(await codes(await seedJob(app, { status: 'completed' }))).toEqual(['completed']);
      expect(await codes(await seedJob(app, { status: 'cancelled' }))).toEqual(['cancelled']);
    });
  });
});
