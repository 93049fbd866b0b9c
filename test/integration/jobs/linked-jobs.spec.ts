import { randomUUID } from 'node:crypto';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { gate, eventually, jobOnce, TestJobsModule } from './test-jobs.js';

const route = '/api/system/background-jobs';

describe('jobs with keys, parents and batches over HTTP', () => {
  let app: TestApp;
  let inA: Record<string, string>;
  beforeAll(async () => {
    app = await createTestApp({ worker: true, modules: [TestJobsModule] });
    inA = { 'x-organization-id': app.organizations.A };
  });
  afterAll(() => app.close());

  const root = () => app.as('SystemAdmin');
  const create = (body: unknown, path = route, headers: Record<string, string> = inA) =>
    root().request('POST', path, { body, headers });
  const later = '2100-01-01T00:00:00.000Z';
  const greet = (more: object = {}) => ({ jobType: 'test.greet', payload: { name: 'Ada' }, ...more });
  /** A job that runs until its gate is opened. */
  async function held(more: object = {}): Promise<{ id: string; open: () => void }> {
    const id = randomUUID();
    const { body } = await create({ jobType: 'test.gate', payload: { id }, ...more });
    await eventually(
      async () => gate.opened.has(id),
      (opened) => opened,
    );
    return { id: body.id, open: () => gate.opened.get(id)!() };
  }

  describe('a unique key', () => {
    it('answers the job that holds it, replaces it, or refuses with 409 and names it', async () => {
      const first = await create(greet({ uniqueKey: 'u1', runAt: later }));
      expect(first).toMatchObject({ status: 202, body: { uniqueKey: 'u1' } });
      const again = await create(greet({ uniqueKey: 'u1' }));
      expect(again).toMatchObject({ status: 202, body: { id: first.body.id, runAt: later } });
      expect(again.headers.get('idempotency-replayed')).toBeNull();
      const refused = await create(greet({ uniqueKey: 'u1', onClash: 'reject' }));
      expect(refused).toMatchObject({
        status: 409,
        body: {
          code: 'unique_key_held',
          detail: expect.stringContaining(first.body.id),
          errors: [{ pointer: '/uniqueKey' }],
        },
      });
      const replaced = await create(greet({ uniqueKey: 'u1', onClash: 'replace', payload: { name: 'Eve' } }));
      expect(replaced).toMatchObject({ status: 202, body: { id: first.body.id } });
      const job = await jobOnce(root(), first.body.id, 'completed');
      expect(job).toMatchObject({ result: { greeting: 'Hello Eve' } });
    });

    it('refuses to replace one that runs, in bulk with the index', async () => {
      const { id, open } = await held({ uniqueKey: 'u2' });
      const next = { jobType: 'test.gate', payload: { id: 'never' }, uniqueKey: 'u2', onClash: 'replace' };
      expect(await create(next)).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('is running') },
      });
      expect(await create({ jobs: [greet(), next] }, `${route}/bulk`)).toMatchObject({
        status: 409,
        body: { code: 'unique_key_held', errors: [{ pointer: '/jobs/1/uniqueKey' }] },
      });
      open();
      await jobOnce(root(), id, 'completed');
    });

    it('is kept for a window', async () => {
      const first = await create(greet({ uniqueKey: 'u3', uniqueForSeconds: 3_600 }));
      await jobOnce(root(), first.body.id, 'completed');
      expect((await create(greet({ uniqueKey: 'u3' }))).body.id).toBe(first.body.id);
    });

    it.each([
      [{ uniqueForSeconds: 5 }, '/uniqueForSeconds'],
      [{ onClash: 'reject' }, '/onClash'],
      [{ uniqueKey: 'k', onClash: 'replace', after: ['019aa000-0000-7000-8000-000000000009'] }, '/after'],
      [{ uniqueKey: 'k', onClash: 'replace', batchId: '019aa000-0000-7000-8000-000000000009' }, '/batchId'],
    ])('refuses %j with 422', async (more, pointer) => {
      expect(await create(greet(more))).toMatchObject({ status: 422, body: { errors: [{ pointer }] } });
    });

    it.each([
      { uniqueKey: '' },
      { uniqueKey: 'k', onClash: 'ignore' },
      { uniqueKey: 'k', uniqueForSeconds: 0 },
      { concurrencyKey: 5 },
      { after: [] },
      { after: ['one'] },
      { after: Array.from({ length: 101 }, () => randomUUID()) },
      { batchId: 'one' },
    ])('refuses malformed %j with 400', async (more) => {
      expect((await create(greet(more))).status).toBe(400);
    });
  });

  it('lets jobs with one concurrency key run one after the other', async () => {
    const first = await held({ concurrencyKey: 'c1' });
    const second = await create(greet({ concurrencyKey: 'c1' }));
    const apart = await create(greet({ concurrencyKey: 'c2' }));
    await jobOnce(root(), apart.body.id, 'completed');
    expect((await root().request('GET', `${route}/${second.body.id}`)).body).toMatchObject({
      status: 'queued',
      concurrencyKey: 'c1',
    });
    first.open();
    await jobOnce(root(), second.body.id, 'completed');
  });

  describe('parents', () => {
    it('are waited for', async () => {
      const parent = await held();
      const child = await create(greet({ after: [parent.id] }));
      expect(child).toMatchObject({ status: 202, body: { status: 'queued' } });
      parent.open();
      await jobOnce(root(), child.body.id, 'completed');
    });

    it('that do not exist, or are another organisation’s, are refused with their place', async () => {
      const mine = await create(greet());
      const { body: foreign } = await create(greet(), route, { 'x-organization-id': app.organizations.B });
      for (const stranger of [randomUUID(), foreign.id]) {
        const after = [mine.body.id, stranger];
        expect(await create(greet({ after }))).toMatchObject({
          status: 422,
          body: { errors: [{ pointer: '/after/1' }] },
        });
        expect(await create({ jobs: [greet(), greet({ after })] }, `${route}/bulk`)).toMatchObject({
          status: 422,
          body: { errors: [{ pointer: '/jobs/1/after/1' }] },
        });
      }
    });
  });

  describe('a batch', () => {
    const batches = `${route}/batches`;
    const batch = (more: object = {}) => ({ name: 'greetings', jobs: [greet(), greet()], ...more });

    it('counts its jobs, shows its progress, and runs its completion job', async () => {
      const id = randomUUID();
      const jobs = [greet(), { jobType: 'test.discard' }, { jobType: 'test.gate', payload: { id } }];
      const made = await create(batch({ jobs, completion: greet({ payload: { name: 'all' } }) }), batches);
      expect(made).toMatchObject({
        status: 202,
        body: {
          name: 'greetings',
          organizationId: app.organizations.A,
          total: 3,
          pending: 3,
          progress: 0,
          finishedAt: null,
        },
      });
      expect(made.body.jobIds).toHaveLength(3);
      const look = () => root().request('GET', made.headers.get('location')!);
      const partly = await eventually(look, ({ body }) => body.pending === 1);
      expect(partly.body).toMatchObject({ completed: 1, failed: 1, progress: 66, completionJob: { status: 'queued' } });
      gate.opened.get(id)!();
      const { body: done } = await eventually(look, ({ body }) => body.completionJob.status === 'completed');
      expect(done).toMatchObject({ progress: 100, completed: 2, finishedAt: expect.any(String) });
      expect(done.completionJob).toMatchObject({
        id: made.body.completionJobId,
        result: { greeting: 'Hello all' },
        subject: { type: 'batch', id: made.body.id },
      });
      expect(await create(greet({ batchId: made.body.id }))).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/batchId', message: expect.stringContaining('has finished') }] },
      });
    });

    it('takes more jobs until it has finished', async () => {
      const made = await create(batch({ jobs: [greet({ runAt: later })] }), batches);
      const added = await create(greet({ batchId: made.body.id, runAt: later }));
      expect(added).toMatchObject({ status: 202, body: { batchId: made.body.id } });
      await create({ jobs: [greet({ batchId: made.body.id, runAt: later })] }, `${route}/bulk`);
      expect((await root().request('GET', `${batches}/${made.body.id}`)).body).toMatchObject({ total: 3, pending: 3 });
      const inB = { 'x-organization-id': app.organizations.B };
      expect(await create(greet({ batchId: made.body.id }), route, inB)).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/batchId' }] },
      });
    });

    it('is made whole or not at all, and says what is wrong where', async () => {
      const count = async () => (await app.db.owner.query(`select from job_batches`)).rowCount;
      const before = await count();
      const wrong = batch({ jobs: [greet(), { jobType: 'nobody' }], completion: greet({ payload: { name: 1 } }) });
      expect(await create(wrong, batches)).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/jobs/1/jobType' }, { pointer: '/completion/payload/name' }] },
      });
      expect(await create(batch({ jobs: [greet(), greet({ after: [randomUUID()] })] }), batches)).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/jobs/1/after/0' }] },
      });
      await create(greet({ uniqueKey: 'end', runAt: later }));
      expect(await create(batch({ completion: greet({ uniqueKey: 'end' }) }), batches)).toMatchObject({
        status: 409,
        body: { errors: [{ pointer: '/completion/uniqueKey' }] },
      });
      for (const malformed of [
        { jobs: [] },
        { jobs: [greet({ batchId: randomUUID() })] },
        { completion: greet({ after: [randomUUID()] }) },
      ])
        expect((await create(batch(malformed), batches)).status).toBe(400);
      expect(await count()).toBe(before);
    });

    it('is made once an Idempotency-Key', async () => {
      const headers = { ...inA, 'idempotency-key': 'batch-1' };
      const first = await create(batch(), batches, headers);
      const again = await create(batch(), batches, headers);
      expect(again.body.id).toBe(first.body.id);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    });

    it('is listed newest first, page by page, within the reader’s reach', async () => {
      const inB = { 'x-organization-id': app.organizations.B };
      const made: string[] = [];
      for (let i = 0; i < 3; i++) made.unshift((await create(batch({ name: `b${i}` }), batches, inB)).body.id);
      const first = (await root().request('GET', `${batches}?limit=2`, { headers: inB })).body;
      expect(first.batches.map(({ id }: { id: string }) => id)).toEqual(made.slice(0, 2));
      expect(first.total).toBe(3);
      const rest = (await root().request('GET', `${batches}?limit=2&cursor=${first.nextCursor}`, { headers: inB }))
        .body;
      expect(rest).toMatchObject({ batches: [{ id: made[2] }], nextCursor: null });
      const all = (await root().request('GET', `${batches}?organizationId=${app.organizations.B}`)).body;
      expect(all.total).toBe(3);
      const own = await app.as('OrgAdmin').request('GET', `/api/organization/background-jobs/batches/${made[0]}`);
      expect(own.status).toBe(404);
    });
  });

  describe('a type that concerns the installation', () => {
    it('is a SystemAdmin’s alone', async () => {
      expect((await create({ jobType: 'test.system' })).status).toBe(202);
      const ask = (body: unknown, rest = '') =>
        app.as('OrgAdmin').request('POST', `/api/organization/background-jobs${rest}`, { body });
      expect(await ask({ jobType: 'test.system' })).toMatchObject({
        status: 403,
        body: { code: 'forbidden', errors: [{ pointer: '/jobType' }] },
      });
      expect(await ask({ jobs: [greet(), { jobType: 'test.system' }] }, '/bulk')).toMatchObject({
        status: 403,
        body: { errors: [{ pointer: '/jobs/1/jobType' }] },
      });
      expect(await ask({ jobs: [greet()], completion: { jobType: 'test.system' } }, '/batches')).toMatchObject({
        status: 403,
        body: { errors: [{ pointer: '/completion/jobType' }] },
      });
      const { body } = await ask({ jobType: 'nobody' });
      expect(body.errors[0].message).not.toContain('test.system');
    });
  });

  it('stores a job that is asked for by an alias under its type, so that the type’s controls reach it', async () => {
    expect((await create({ jobType: 'test_limited' })).body).toMatchObject({ jobType: 'test.limited' });
  });
});
