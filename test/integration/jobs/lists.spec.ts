import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';

const system = '/api/system/background-jobs';
const ofOrganization = '/api/organization/background-jobs';
const hour = 3_600_000;

describe('lists of jobs', () => {
  let app: TestApp;
  /** By name, in the order of their making. */
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    app = await createTestApp();
    const { B } = app.organizations;
    const { Member, OrgAdmin } = app.users;
    const seeds = {
      old: { age: 30 * hour, jobType: 'report.build', tags: ['nightly'] },
      yesterday: { age: 20 * hour, jobType: 'report.build', priority: 1, createdBy: Member },
      failed: {
        age: 3 * hour,
        status: 'failed',
        errorCode: 'timeout',
        errorMessage: 'gave up after 50% of the ROWS',
        createdBy: OrgAdmin,
      },
      cancelled: { age: 2 * hour, status: 'cancelled', queue: 'imports', payload: { file: { kind: 'csv' }, rows: 5 } },
      queued: { status: 'queued', jobType: 'dataset.import', payload: { file: { kind: 'tsv' } } },
      processing: { status: 'processing', jobType: 'dataset.import', subject: { type: 'dataset', id: 'Blue_Whale' } },
      foreign: { organizationId: B, status: 'queued', jobType: 'dataset.import' },
      foreignRunning: { organizationId: B, status: 'processing' },
    } as const;
    for (const [name, seed] of Object.entries(seeds)) ids[name] = await seedJob(app, { ...seed } as object);
  });
  afterAll(() => app.close());

  const nameOf = (id: string) => Object.entries(ids).find(([, each]) => each === id)?.[0] ?? id;
  const ask = (query: string, path = ofOrganization) =>
    app.as(path === system ? 'SystemAdmin' : 'OrgAdmin').request('GET', `${path}?${query}`);
  const names = async (query: string, path = ofOrganization) => {
    const { status, body } = await ask(query, path);
    expect({ query, status, errors: body.errors }).toEqual({ query, status: 200 });
    const found = body.jobs.map(({ id }: { id: string }) => nameOf(id));
    expect({ query, total: body.total }).toEqual({ query, total: found.length });
    return found;
  };

  it('give every organisation to a SystemAdmin that names none, newest first', async () => {
    const { body } = await ask('', system);
    expect(body).toMatchObject({ total: 8, nextCursor: null });
    expect(body.jobs.map(({ id }: { id: string }) => nameOf(id))).toEqual(Object.keys(ids).toReversed());
    expect(new Set(body.jobs.map((job: { organizationId: string }) => job.organizationId))).toEqual(
      new Set([app.organizations.A, app.organizations.B]),
    );
    expect(body.jobs[0]).not.toHaveProperty('attempts');
  });

  it('give one organisation to a SystemAdmin that names it, by header or as a filter, and nothing by both', async () => {
    const { A, B } = app.organizations;
    const inB = { headers: { 'x-organization-id': B } };
    const root = app.as('SystemAdmin');
    expect((await root.request('GET', system, inB)).body.total).toBe(2);
    expect(await names(`organizationId=${B}`, system)).toEqual(['foreignRunning', 'foreign']);
    expect((await root.request('GET', `${system}?organizationId=${A}`, inB)).body).toEqual({
      jobs: [],
      total: 0,
      nextCursor: null,
    });
  });

  it('give an OrgAdmin its own organisation only', async () => {
    expect(await names('')).toEqual(['processing', 'queued', 'cancelled', 'failed', 'yesterday', 'old']);
    expect(await names(`organizationId=${app.organizations.B}`)).toEqual([]);
  });

  it.each([
    ['status=queued', ['queued']],
    ['status=processing', ['processing']],
    ['status=queued,processing', ['processing', 'queued']],
    ['status=failed', ['failed']],
    ['status=failed,cancelled,queued', ['queued', 'cancelled', 'failed']],
    ['status=processing,completed', ['processing', 'yesterday', 'old']],
    ['status=', ['processing', 'queued', 'cancelled', 'failed', 'yesterday', 'old']],
    [
      'status=queued,processing,completed,failed,cancelled',
      ['processing', 'queued', 'cancelled', 'failed', 'yesterday', 'old'],
    ],
    ['status=queued,processing&jobType=report.build', []],
    ['queue=imports', ['cancelled']],
    ['jobType=report.build', ['yesterday', 'old']],
    ['jobType=dataset.import&status=processing', ['processing']],
    ['priority=1', ['yesterday']],
    ['tag=nightly', ['old']],
    ['errorCode=timeout', ['failed']],
    ['q=DATASET', ['processing', 'queued']],
    ['q=of%20the%20rows', ['failed']],
    ['q=50%25', ['failed']],
    ['q=5_%25', []],
    ['q=e_whale', ['processing']],
    ['payload={"file":{"kind":"csv"}}', ['cancelled']],
    ['payload={"rows":5,"file":{}}', ['cancelled']],
    ['payload={"rows":6}', []],
    ['sort=createdAt', ['old', 'yesterday', 'failed', 'cancelled', 'queued', 'processing']],
  ])('are narrowed by %s', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  it('are narrowed by who asked and by when', async () => {
    expect(await names(`createdBy=${app.users.Member}`)).toEqual(['yesterday']);
    const ago = (milliseconds: number) => encodeURIComponent(new Date(Date.now() - milliseconds).toISOString());
    expect(await names(`from=${ago(21 * hour)}&to=${ago(hour)}`)).toEqual(['cancelled', 'failed', 'yesterday']);
    expect(await names(`from=${ago(2.5 * hour)}&to=${ago(1.5 * hour)}`)).toEqual(['cancelled']);
    expect(await names(`to=${ago(25 * hour)}`)).toEqual(['old']);
    expect(await names('from=1950-01-01&to=9999-12-31')).toHaveLength(6);
    expect(await names('to=1950-01-01')).toEqual([]);
  });

  it.each([
    ['colour=red', 'query/colour'],
    ['status=running', 'query/status'],
    ['status=queued,,nope', 'query/status'],
    ['limit=0', 'query/limit'],
    ['limit=201', 'query/limit'],
    ['limit=ten', 'query/limit'],
    ['skip=-1', 'query/skip'],
    ['priority=high', 'query/priority'],
    ['createdBy=me', 'query/createdBy'],
    ['from=yesterday', 'query/from'],
    ['from=5', 'query/from'],
    ['from=2026-02-30T99:00:00Z', 'query/from'],
    ['payload={"a":', 'query/payload'],
    ['payload=[1]', 'query/payload'],
    ['payload=5', 'query/payload'],
    ['q=', 'query/q'],
    ['q=a%00b', 'query/q'],
    ['sort=status', 'query/sort'],
    ['jobType=a&jobType=b', 'query/jobType'],
    ['cursor=abc', 'query/cursor'],
  ])('refuse %s', async (query, pointer) => {
    const { status, body } = await ask(query);
    expect({ status, code: body.code, pointer: body.errors?.[0]?.pointer }).toEqual({
      status: 400,
      code: 'invalid_request',
      pointer,
    });
  });

  it.each(['', 'sort=createdAt&'])(
    'lead from page to page by the cursor, none twice and none left out (%s)',
    async (order) => {
      const whole = (await ask(order)).body.jobs.map(({ id }: { id: string }) => id);
      const seen: string[] = [];
      let cursor = '';
      for (let page = 0; page < 3; page++) {
        const { body } = await ask(`${order}limit=2${cursor && `&cursor=${cursor}`}`);
        expect(body.total).toBe(6);
        expect(body.jobs).toHaveLength(2);
        seen.push(...body.jobs.map(({ id }: { id: string }) => id));
        cursor = body.nextCursor;
      }
      expect(cursor).toBeNull();
      expect(seen).toEqual(whole);
    },
  );

  it('take the cursor of unended jobs too, and refuse that of another order', async () => {
    const first = await ask('status=queued,processing&limit=1');
    expect(first.body.jobs[0].id).toBe(ids.processing);
    const second = await ask(`status=queued,processing&limit=1&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ jobs: [{ id: ids.queued }], total: 2, nextCursor: null });
    expect((await ask(`sort=createdAt&cursor=${first.body.nextCursor}`)).status).toBe(400);
  });

  it('skip', async () => {
    const { body } = await ask('skip=4&limit=50');
    expect(body).toMatchObject({ jobs: [{ id: ids.yesterday }, { id: ids.old }], total: 6, nextCursor: null });
  });

  it('count exactly to 10,000 and say so beyond', async () => {
    await app.db.owner.query(
      `insert into background_jobs (id, organization_id, queue, job_type, status, completed_at)
         select gen_random_uuid(), $1, 'default', 'many', 'completed', carillon_now() from generate_series(1, 10000)`,
      [app.organizations.P],
    );
    const inP = { headers: { 'x-organization-id': app.organizations.P } };
    const list = () => app.as('SystemAdmin').request('GET', `${system}?limit=1`, inP);
    expect((await list()).body).not.toHaveProperty('totalIsEstimate');
    expect((await list()).body.total).toBe(10_000);
    await seedJob(app, { organizationId: app.organizations.P });
    expect((await list()).body).toMatchObject({ total: 10_000, totalIsEstimate: true });
  });
});

describe('a list of more than 10,000 queued jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
    await seedJob(app, { status: 'queued', jobType: 'first' });
    await app.db.owner.query(
      `with made as (
         insert into background_jobs (id, organization_id, queue, job_type)
           select gen_random_uuid(), $1, 'default', 'many' from generate_series(1, 10001) returning id)
       insert into job_ready (job_id, queue, org, rank, run)
         select made.id, q.number, o.number, 0, 0 from made, queues q, organizations o where o.id = $1`,
      [app.organizations.A],
    );
    await seedJob(app, { status: 'completed' });
  });
  afterAll(() => app.close());

  it('estimates the total, still leaves out what has ended, and still counts what a filter leaves', async () => {
    const list = async (query: string) =>
      (await app.as('OrgAdmin').request('GET', `/api/organization/background-jobs?status=queued&limit=200${query}`))
        .body;
    const all = await list('');
    expect(all).toMatchObject({ total: 10_000, totalIsEstimate: true });
    expect(new Set(all.jobs.map(({ status }: { status: string }) => status))).toEqual(new Set(['queued']));
    expect(await list('&jobType=first')).toMatchObject({ total: 1, jobs: [{ jobType: 'first' }] });
  });
});

describe('lists over a long history', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
    // two organisations, a job a second; the rare ones are the oldest
    await app.db.owner.query(
      `insert into background_jobs (id, organization_id, queue, job_type, status, completed_at, failed_at, error_code, priority, tags, created_by, created_at)
         select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000' || lpad(n::text, 12, '0'))::uuid,
           case when n % 2 = 0 then $1::uuid else $2::uuid end, 'default', case when n <= 10 then 'rare' else 'many' end,
           case when n <= 20 then 'failed' when n <= 30 then 'cancelled' else 'completed' end, at,
           case when n <= 20 then at end, case when n <= 20 then 'E' || n % 2 when n <= 30 then 'E2' end,
           case when n = 2 or n = 35000 then 7 else 0 end,
           case when n <= 6 then array['rare'] when n % 3 = 0 then array['third'] else '{}' end,
           case when n <= 4 then $3::uuid end, at
         from (select n, now() - make_interval(secs => 60000 - n) as at from generate_series(1, 50000) n) made`,
      [app.organizations.A, app.organizations.B, app.users.Member],
    );
  });
  afterAll(() => app.close());

  const list = async (query: string, path = system) => {
    const { status, body } = await app
      .as(path === system ? 'SystemAdmin' : 'OrgAdmin')
      .request('GET', `${path}?limit=50&${query}`);
    expect({ query, status, errors: body.errors }).toEqual({ query, status: 200 });
    return body;
  };

  it.each([
    ['jobType=rare', 10, 5],
    ['tag=rare', 6, 3],
    ['status=failed', 20, 10],
    ['status=cancelled', 10, 5],
    ['status=failed,cancelled', 30, 15],
    ['status=cancelled,failed&jobType=rare', 10, 5],
    ['errorCode=E1', 10, 0],
    ['errorCode=E2', 10, 5],
    ['errorCode=E2&status=failed', 0, 0],
    ['tag=rare&status=completed', 0, 0],
  ])('find all that meet %s, however old, and count them', async (query, everywhere, ours) => {
    const all = await list(query);
    expect(all).toMatchObject({ total: everywhere, nextCursor: null });
    expect(all).not.toHaveProperty('searchedTo');
    expect(all.jobs).toHaveLength(everywhere);
    const ids = all.jobs.map(({ id }: { id: string }) => id);
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect((await list(`${query}&sort=createdAt`)).jobs.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed());
    const own = await list(query, ofOrganization);
    expect({ total: own.total, shown: own.jobs.length }).toEqual({ total: ours, shown: ours });
  });

  it('find by who asked, in all organisations', async () => {
    expect(await list(`createdBy=${app.users.Member}`)).toMatchObject({ total: 4, nextCursor: null });
  });

  it('say how far they looked where no index helps, and go on from there', async () => {
    const first = await list('priority=7');
    expect(first).toMatchObject({ total: 1, totalIsEstimate: true, jobs: [{ priority: 7 }] });
    expect(Date.parse(first.searchedTo)).toBeLessThan(Date.parse(first.jobs[0].createdAt));
    const second = await list(`priority=7&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ jobs: [], totalIsEstimate: true });
    const third = await list(`priority=7&cursor=${second.nextCursor}`);
    expect(third).toMatchObject({ jobs: [{ priority: 7 }], nextCursor: null });
    expect(third).not.toHaveProperty('searchedTo');
    expect(await list('q=rare', ofOrganization)).toMatchObject({ jobs: [], searchedTo: expect.any(String) });
  });

  it('give a full page of what is frequent, and estimate its total', async () => {
    for (const query of ['tag=third', 'jobType=many', 'status=completed', 'priority=0']) {
      const page = await list(query);
      expect({ query, shown: page.jobs.length, estimated: page.totalIsEstimate }).toEqual({
        query,
        shown: 50,
        estimated: true,
      });
    }
  });
});
