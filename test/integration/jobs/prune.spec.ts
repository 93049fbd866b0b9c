import { v7 as uuidv7 } from 'uuid';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { DailyPrune } from '../../../src/jobs/built-in/prune/daily-prune.js';
import { seedJob } from './seeded-jobs.js';
import { jobOnce } from './test-jobs.js';

const day = 24 * 3_600_000;
const path = '/api/system/background-jobs';

describe('jobs.prune', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({
      worker: true,
      environment: { JOBS_KEEP_COMPLETED_DAYS: '10', JOBS_KEEP_FAILED_DAYS: '20', JOBS_KEEP_CANCELLED_DAYS: '5' },
    });
  });
  afterAll(() => app.close());
  beforeEach(() =>
    app.db.owner.query(
      `truncate background_jobs, job_attempts, job_batches, job_dependencies, job_type_controls cascade`,
    ),
  );

  const prune = async () => {
    const root = app.as('SystemAdmin');
    const { body } = await root.request('POST', path, { body: { jobType: 'jobs.prune' } });
    return (await jobOnce(root, body.id, 'completed')).result as Record<string, number>;
  };
  const left = async (...ids: string[]) => {
    const { rows } = await app.db.owner.query(`select id from background_jobs where id = any ($1)`, [ids]);
    return ids.map((id) => rows.some((row) => row.id === id));
  };

  it('deletes what ended longer ago than its outcome is kept, with its attempts and log, and says how many', async () => {
    const completed = await seedJob(app, { age: 11 * day });
    const younger = await seedJob(app, { age: 9 * day });
    const failed = await seedJob(app, { age: 21 * day, status: 'failed' });
    const youngerFailed = await seedJob(app, { age: 11 * day, status: 'failed' });
    const cancelled = await seedJob(app, { age: 6 * day, status: 'cancelled' });
    const waiting = await seedJob(app, { age: 100 * day, status: 'queued', jobType: 'nobody.knows', queue: 'other' });
    // ended late: counted from its end, not from its making
    const late = await seedJob(app, { age: 30 * day, waitMs: 25 * day });
    await app.db.owner.query(
      `insert into job_attempts (job_id, number, organization_id, outcome, started_at, ended_at)
         select id, 1, organization_id, 'completed', created_at, created_at from background_jobs`,
    );
    await app.db.owner.query(
      `insert into job_log_entries (job_id, organization_id, attempt, level, message)
         select id, organization_id, 1, 'info', 'x' from background_jobs`,
    );
    expect(await prune()).toMatchObject({ completed: 1, failed: 1, cancelled: 1, batches: 0 });
    expect(await left(completed, failed, cancelled)).toEqual([false, false, false]);
    expect(await left(younger, youngerFailed, waiting, late)).toEqual([true, true, true, true]);
    for (const table of ['job_attempts', 'job_log_entries']) {
      const { rows } = await app.db.owner.query(
        `select count(*)::int lost from ${table} where not exists (select from background_jobs b where b.id = job_id)`,
      );
      expect({ table, lost: rows[0].lost }).toEqual({ table, lost: 0 });
    }
  });

  it('goes by the days of the type where it has some', async () => {
    await app.db.owner.query(
      `insert into job_type_controls (job_type, keep_completed_days, keep_failed_days) values ('short', 0, null), ('long', 1000, 1000)`,
    );
    const short = await seedJob(app, { jobType: 'short', age: day });
    const shortFailed = await seedJob(app, { jobType: 'short', age: day, status: 'failed' });
    const long = await seedJob(app, { jobType: 'long', age: 900 * day });
    const longFailed = await seedJob(app, { jobType: 'long', age: 900 * day, status: 'failed' });
    expect(await prune()).toMatchObject({ completed: 1, failed: 0 });
    expect(await left(short, shortFailed, long, longFailed)).toEqual([false, true, true, true]);
  });

  it('leaves parents that are waited for, members of batches that go on, and keys that still hold', async () => {
    const parent = await seedJob(app, { age: 30 * day, status: 'failed' });
    const child = await seedJob(app, { status: 'queued', jobType: 'nobody.knows', queue: 'other' });
    const [open, done] = [uuidv7(), uuidv7()];
    const member = await seedJob(app, { age: 30 * day });
    const finished = await seedJob(app, { age: 30 * day });
    const keyed = await seedJob(app, { age: 30 * day });
    const oldKey = await seedJob(app, { age: 2 * day });
    const { owner } = app.db;
    await owner.query(`insert into job_dependencies (job_id, parent_id, organization_id) values ($1, $2, $3)`, [
      child,
      parent,
      app.organizations.A,
    ]);
    await owner.query(
      `insert into job_batches (id, organization_id, total, pending, finished_at) values ($1, $3, 2, 1, null), ($2, $3, 1, 0, now() - interval '29 days')`,
      [open, done, app.organizations.A],
    );
    await owner.query(
      `update background_jobs set batch_id = case id when $1 then $3::uuid else $4::uuid end where id in ($1, $2)`,
      [member, finished, open, done],
    );
    await owner.query(
      `update background_jobs set unique_key = 'k', active_key = 'k', unique_until = now() + interval '1 day' where id = $1`,
      [keyed],
    );
    await owner.query(`update background_jobs set idempotency_key = id::text, idempotency_hash = 'h' where id = $1`, [
      oldKey,
    ]);
    expect(await prune()).toMatchObject({ completed: 1, failed: 0, batches: 1, idempotencyKeys: 1 });
    expect(await left(parent, child, member, finished, keyed, oldKey)).toEqual([true, true, true, false, true, true]);
    const { rows } = await owner.query(`select id from job_batches`);
    expect(rows).toEqual([{ id: open }]);
    await owner.query(`delete from job_dependencies`);
    expect(await prune()).toMatchObject({ failed: 1 });
  });

  it('clears statistics away that are older than they are kept', async () => {
    await app.db.owner.query(`truncate job_statistics_hours, job_statistics_days`);
    await app.db.owner.query(
      `insert into job_statistics_hours (hour, org, queue, job_type) select now() - make_interval(days => d), 0, 0, '' from unnest(array[1, 13, 15, 100]) d`,
    );
    await app.db.owner.query(
      `insert into job_statistics_days (day, org, queue, job_type) select (now() - make_interval(days => d))::date, 0, 0, '' from unnest(array[1, 700, 732, 900]) d`,
    );
    expect(await prune()).toMatchObject({ hoursOfStatistics: 2, daysOfStatistics: 2 });
  });

  it('takes many in transactions none of which is long, and leaves a job that somebody holds', async () => {
    await app.db.owner.query(
      `insert into background_jobs (id, organization_id, queue, job_type, status, created_at, completed_at)
         select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000' || lpad(n::text, 12, '0'))::uuid, $1, 'default', 'old', 'completed', at, at
           from (select n, now() - interval '40 days' + make_interval(secs => n) as at from generate_series(1, 7000) n) made`,
      [app.organizations.A],
    );
    const holder = await app.db.owner.connect();
    try {
      await holder.query('begin');
      await holder.query(`select from background_jobs where job_type = 'old' limit 1 for update`);
      expect(await prune()).toMatchObject({ completed: 6_999 });
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    expect(await prune()).toMatchObject({ completed: 1 });
  });

  it('is asked for once a day, however many processes ask, and never by an OrgAdmin', async () => {
    const daily = app.app.get(DailyPrune, { strict: false });
    await Promise.all([daily.enqueue(), daily.enqueue(), daily.enqueue()]);
    const { rows } = await app.db.owner.query(
      `select organization_id from background_jobs where job_type = 'jobs.prune'`,
    );
    expect(rows).toEqual([{ organization_id: app.organizations.P }]);
    const { status } = await app
      .as('OrgAdmin')
      .request('POST', '/api/organization/background-jobs', { body: { jobType: 'jobs.prune' } });
    expect(status).toBe(403);
  });
});
