import { v7 as uuidv7 } from 'uuid';
import type { JobContext } from '@carillon/job-engine';
import { RunBulkAction } from '../../../src/jobs/bulk-actions/run-bulk-action.js';
import { Database } from '../../../src/platform/database/index.js';
import { JobQueue } from '../../../src/platform/queue/index.js';
import { createTestApp, type Caller, type TestApp } from '../../support/test-app.js';
import { type SeededJob, seedJob } from './seeded-jobs.js';
import { eventually, jobOnce, TestJobsModule } from './test-jobs.js';

const route = '/api/system/background-jobs';

describe('bulk actions', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
    await app.db.owner.query(`insert into queues (name) values ('default') on conflict do nothing`); // as a first job would
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const ask = (body: object, caller: Caller = root(), face = 'system', headers = {}) =>
    caller.request('POST', `/api/${face}/background-jobs/bulk-actions`, { body, headers });
  /** Asks, and answers the job that did it once it is done. */
  const done = async (body: object, caller?: Caller, face?: string, headers?: Record<string, string>) => {
    const { status, body: job, headers: answered } = await ask(body, caller, face, headers);
    expect({ status, type: job.jobType }).toEqual({ status: 202, type: 'jobs.bulk' });
    expect(answered.get('location')).toBe(`/api/${face ?? 'system'}/background-jobs/${job.id}`);
    return jobOnce(root(), job.id, 'completed');
  };
  const seed = async (count: number, job: SeededJob) => {
    const ids = [];
    for (let n = 0; n < count; n++) ids.push(await seedJob(app, { age: 60_000 - n, ...job }));
    return ids;
  };
  const statusesOf = async (ids: string[]) => {
    const sql = `select status, count(*)::int jobs from background_jobs where id = any ($1) group by 1`;
    const { rows } = await app.db.owner.query(sql, [ids]);
    return Object.fromEntries(rows.map(({ status, jobs }) => [status, jobs]));
  };
  const journal = async (id: string) => {
    const sql = `select organization_id, action, actor_id, details from audit_log where target_id = $1 and action <> 'jobs.bulk-requested' order by id`;
    return (await app.db.owner.query(sql, [id])).rows;
  };

  it('shows first what they would hit, and changes nothing by that', async () => {
    const ids = await seed(12, { status: 'failed', errorCode: 'preview', queue: 'quiet' });
    await seed(1, { status: 'cancelled', errorCode: 'preview' });
    const { status, body } = await ask({ action: 'retry', filter: { errorCode: 'preview' }, dryRun: true });
    expect({ status, action: body.action, total: body.total }).toEqual({ status: 200, action: 'retry', total: 12 });
    expect(body.sample.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed().slice(0, 10));
    expect(await statusesOf(ids)).toEqual({ failed: 12 });
    const narrow = {
      errorCode: 'preview',
      status: ['cancelled', 'failed'],
      payload: {},
      priority: 0,
      from: '2020-01-01',
    };
    expect((await ask({ action: 'delete', filter: narrow, dryRun: true })).body.total).toBe(13);
  });

  it('put dead jobs back by a filter, in batches, each audited where the jobs belong, and tell the asker', async () => {
    const ids = await seed(430, {
      status: 'failed',
      errorCode: 'flood',
      jobType: 'test.greet',
      payload: { name: 'again' },
    });
    const others = await seed(3, { status: 'failed', errorCode: 'other' });
    const bulk = await done({
      action: 'retry',
      filter: { status: ['failed'], errorCode: 'flood' },
      reason: 'the provider is back',
    });
    expect(bulk).toMatchObject({
      organizationId: app.organizations.P,
      createdBy: app.users.SystemAdmin,
      progress: 100,
      result: { matched: 430, changed: 430, skipped: {}, summary: 'Put back 430 of 430 jobs' },
    });
    expect(await statusesOf(ids)).not.toHaveProperty('failed');
    expect(await jobOnce(root(), ids[0]!, 'completed')).toMatchObject({ result: { greeting: 'Hello again' } });
    expect(await statusesOf(others)).toEqual({ failed: 3 });
    const entries = await journal(bulk.id);
    expect(entries.map(({ details }) => details.changed).reduce((a, b) => a + b)).toBe(430);
    expect(entries.length).toBeGreaterThanOrEqual(3);
    expect(entries[0]).toMatchObject({
      organization_id: app.organizations.A,
      action: 'jobs.bulk-retry',
      actor_id: app.users.SystemAdmin,
      details: { reason: 'the provider is back', skipped: {} },
    });
    const told = await app.db.owner.query(`select type from events where data ->> 'jobId' = $1`, [bulk.id]);
    expect(told.rows).toEqual([{ type: 'job.completed' }]);
  });

  it('cancel what waits, with the reason, and leave what was asked for later', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    const create = async () =>
      (
        await root().request('POST', route, {
          body: {
            jobType: 'test.greet',
            payload: { name: 'x' },
            runAt: inAnHour,
            tags: ['cancel-me'],
            organizationId: app.organizations.B,
          },
        })
      ).body.id;
    const ids = [await create(), await create()];
    const bulk = await done({ action: 'cancel', filter: { tag: 'cancel-me' }, reason: 'not needed' });
    expect(bulk.result).toMatchObject({ matched: 2, changed: 2, summary: 'Cancelled 2 of 2 jobs' });
    expect((await root().request('GET', `${route}/${ids[0]}`)).body).toMatchObject({
      status: 'cancelled',
      cancelReason: 'not needed',
    });
    expect(await statusesOf([await create()])).toEqual({ queued: 1 });
  });

  it('delete ended jobs with their history, but none that somebody waits for', async () => {
    const ids = await seed(3, { status: 'failed', errorCode: 'rubbish' });
    const child = await seedJob(app, { status: 'queued', jobType: 'nobody.runs.this' });
    await app.db.owner.query(`insert into job_dependencies (job_id, parent_id, organization_id) values ($1, $2, $3)`, [
      child,
      ids[0],
      app.organizations.A,
    ]);
    await app.db.owner.query(
      `insert into job_attempts (job_id, number, organization_id, outcome, started_at, ended_at) values ($1, 1, $2, 'failed', now(), now())`,
      [ids[1], app.organizations.A],
    );
    const bulk = await done({ action: 'delete', filter: { errorCode: 'rubbish' } });
    expect(bulk.result).toMatchObject({ matched: 3, changed: 2, skipped: { waited_for: 1 } });
    expect(await statusesOf(ids)).toEqual({ failed: 1 });
    expect((await app.db.owner.query(`select from job_attempts where job_id = $1`, [ids[1]])).rowCount).toBe(0);
  });

  it('leave a job whose unique key another one holds, and say so', async () => {
    const [dead, holder] = await seed(2, { status: 'failed', errorCode: 'unique' });
    await app.db.owner.query(`update background_jobs set unique_key = 'one' where id = $1`, [dead]);
    await app.db.owner.query(
      `update background_jobs set active_key = 'one', unique_key = 'one', error_code = null where id = $1`,
      [holder],
    );
    const bulk = await done({ action: 'retry', filter: { errorCode: 'unique' } });
    expect(bulk.result).toMatchObject({ matched: 1, changed: 0, skipped: { unique_key_held: 1 } });
  });

  it('put back the oldest of several dead jobs with one unique key', async () => {
    const ids = await seed(3, { status: 'failed', errorCode: 'same-key', jobType: 'nobody.runs.this' });
    await app.db.owner.query(`update background_jobs set unique_key = 'same' where id = any ($1)`, [ids]);
    const bulk = await done({ action: 'retry', filter: { errorCode: 'same-key' } });
    expect(bulk.result).toMatchObject({ matched: 3, changed: 1, skipped: { unique_key_held: 2 } });
    expect(await statusesOf(ids.slice(0, 1))).toEqual({ queued: 1 });
  });

  it('go on where an earlier run stopped, without doing or counting anything twice', async () => {
    const ids = await seed(5, { status: 'failed', errorCode: 'resume', jobType: 'nobody.runs.this' });
    const { rows } = await app.db.owner.query(`select carillon_now() + interval '1 second' now`);
    const { A } = app.organizations;
    const payload = { action: 'retry', filter: { errorCode: 'resume' }, createdBefore: rows[0].now };
    const queue = app.app.get(JobQueue);
    const bulk = await app.app.get(Database).withOrganization(A, async (tx) => {
      const job = await queue.enqueue(tx, {
        organizationId: A,
        jobType: 'jobs.bulk',
        payload,
        createdBy: app.users.OrgAdmin,
      });
      // what a run that was killed has left: three jobs put back, of which one has failed again since
      await tx.query(
        `insert into audit_log (id, organization_id, actor_type, actor_id, action, target_type, target_id, details)
         values ($1, $2, 'user', $3, 'jobs.bulk-retry', 'job', $4, $5)`,
        [uuidv7(), A, app.users.OrgAdmin, job.id, { matched: 3, changed: 3, skipped: {}, upTo: ids[2] }],
      );
      return job;
    });
    const ended = await jobOnce(root(), bulk.id, 'completed');
    expect(ended.result).toMatchObject({ matched: 5, changed: 5 });
    expect(await statusesOf(ids.slice(0, 3))).toEqual({ failed: 3 });
    expect(await statusesOf(ids.slice(3))).toEqual({ queued: 2 });
  });

  describe('stay within reach', () => {
    it('of the organisation of an OrgAdmin, whatever the filter says', async () => {
      const { A, B } = app.organizations;
      const own = await seed(2, { status: 'failed', errorCode: 'walls', organizationId: A });
      const foreign = await seed(2, { status: 'failed', errorCode: 'walls', organizationId: B });
      const admin = app.as('OrgAdmin');
      const elsewhere = { action: 'delete', filter: { errorCode: 'walls', organizationId: B } };
      expect((await ask({ ...elsewhere, dryRun: true }, admin, 'organization')).body).toMatchObject({ total: 0 });
      expect((await done(elsewhere, admin, 'organization')).result).toMatchObject({ matched: 0 });
      const bulk = await done({ action: 'delete', filter: { errorCode: 'walls' } }, admin, 'organization');
      expect(bulk).toMatchObject({ organizationId: A, result: { matched: 2, changed: 2 } });
      expect(await statusesOf(own)).toEqual({});
      expect(await statusesOf(foreign)).toEqual({ failed: 2 });
      const one = await done({ action: 'delete', filter: { errorCode: 'walls' } }, root(), 'system', {
        'x-organization-id': B,
      });
      expect(one).toMatchObject({ organizationId: B, result: { matched: 2, changed: 2 } });
    });

    it('of who asked when it runs: a payload that claims more is refused', async () => {
      const { A, B } = app.organizations;
      const foreign = await seed(1, { status: 'failed', errorCode: 'claimed', organizationId: B });
      const payload = {
        action: 'delete',
        filter: { errorCode: 'claimed' },
        createdBefore: new Date(),
        allOrganizations: true,
      };
      const { id } = await app.app
        .get(JobQueue)
        .enqueueNow({ organizationId: A, jobType: 'jobs.bulk', payload, createdBy: app.users.OrgAdmin });
      expect(await jobOnce(root(), id, 'failed')).toMatchObject({ errorCode: 'not_allowed' });
      expect(await statusesOf(foreign)).toEqual({ failed: 1 });
    });

    it('of the route: an OrgAdmin cannot ask for the job itself', async () => {
      const everything = { action: 'delete', filter: {}, createdBefore: new Date(), allOrganizations: true };
      const body = { jobType: 'jobs.bulk', payload: everything };
      const path = '/api/organization/background-jobs';
      expect((await app.as('OrgAdmin').request('POST', path, { body })).status).toBe(403);
    });

    it('of all organisations for a SystemAdmin, each behind its own wall', async () => {
      const { A, B } = app.organizations;
      await seed(2, { status: 'failed', errorCode: 'everywhere', organizationId: A });
      await seed(3, { status: 'failed', errorCode: 'everywhere', organizationId: B });
      const bulk = await done({ action: 'delete', filter: { errorCode: 'everywhere' } });
      expect(bulk.result).toMatchObject({ matched: 5, changed: 5 });
      const entries = await journal(bulk.id);
      expect(entries).toMatchObject([
        { organization_id: A, details: { changed: 2 } },
        { organization_id: B, details: { changed: 3 } },
      ]);
    });
  });

  it('end between two batches when they are cancelled, and go on from there if they run again', async () => {
    const ids = await seed(250, { status: 'failed', errorCode: 'stop', jobType: 'nobody.runs.this' });
    const { rows } = await app.db.owner.query(`select carillon_now() now`);
    const payload = { action: 'retry' as const, filter: { errorCode: 'stop' }, createdBefore: rows[0].now };
    const run = (jobId: string, stop: AbortController, progress: () => void) =>
      app.app.get(RunBulkAction).run(payload, {
        ...({ jobId, organizationId: app.organizations.A, createdBy: app.users.OrgAdmin } as JobContext),
        signal: stop.signal,
        progress: async () => progress(),
      });
    const [jobId, stop] = [uuidv7(), new AbortController()];
    await expect(run(jobId, stop, () => stop.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(await statusesOf(ids)).toEqual({ queued: 200, failed: 50 });
    expect(await run(jobId, new AbortController(), () => {})).toMatchObject({ matched: 250, changed: 250 });
    expect(await statusesOf(ids)).toEqual({ queued: 250 });
    expect(await journal(jobId)).toHaveLength(2);
  });

  it.each(['retry', 'delete'])('%s first what nobody holds, and then wait for the rest', async (action) => {
    const errorCode = `held ${action}`;
    const ids = await seed(20, { status: 'failed', errorCode, jobType: 'nobody.runs.this' });
    const holder = await app.db.owner.connect();
    try {
      await holder.query('begin');
      await holder.query(`select from background_jobs where id = $1 for update`, [ids[7]]);
      const { body: bulk } = await ask({ action, filter: { errorCode } });
      await eventually(
        () => statusesOf(ids),
        ({ failed = 0 }) => failed === 1,
      );
      await holder.query('commit');
      const ended = await jobOnce(root(), bulk.id, 'completed');
      expect(ended.result).toMatchObject({ matched: 20, changed: 20 });
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  });

  it('are refused for what cannot be done, and for what is no filter', async () => {
    const impossible = await ask({ action: 'cancel', filter: { status: ['completed', 'queued'] } });
    expect(impossible).toMatchObject({ status: 422, body: { errors: [{ pointer: '/filter/status' }] } });
    for (const body of [
      {},
      { action: 'retry' },
      { action: 'explode', filter: {} },
      { action: 'retry', filter: { limit: 5 } },
      { action: 'retry', filter: { status: ['dead'] } },
      { action: 'retry', filter: [] },
      { action: 'retry', filter: {}, reason: '' },
    ])
      expect((await ask(body)).status).toBe(400);
  });

  it('make one job however often the same key is sent', async () => {
    const body = { action: 'retry', filter: { errorCode: 'nothing-like-it' } };
    const headers = { 'idempotency-key': uuidv7() };
    const first = await ask(body, root(), 'system', headers);
    const second = await ask(body, root(), 'system', headers);
    expect(second.body.id).toBe(first.body.id);
  });

  it('are throttled: five a minute', async () => {
    await app.db.owner.query(`delete from throttle_counters`);
    const limited = await createTestApp({
      database: app.db,
      population: { organizations: app.organizations, users: app.users },
      environment: { THROTTLE_BULK_ACTIONS: '5' },
    });
    try {
      const path = '/api/organization/background-jobs/bulk-actions';
      const body = { action: 'retry', filter: {}, dryRun: true };
      const answers: number[] = [];
      for (let call = 0; call < 6; call++)
        answers.push((await limited.as('OtherOrgAdmin').request('POST', path, { body })).status);
      expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
    } finally {
      await limited.close();
    }
  });
});
