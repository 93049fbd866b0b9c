import { v7 as uuidv7 } from 'uuid';
import { type BatchRequest, BatchNotOpen, type CreatedBatch, UnknownParent } from '@carillon/job-engine';
import { eventually, TestEngines } from './test-engines.js';

describe('batches', () => {
  let engines: TestEngines;
  let other: string;
  beforeAll(async () => {
    engines = await TestEngines.open();
    other = await engines.makeOrganization('other');
  });
  afterEach(async () => {
    await engines.stopAll();
    await engines.rows(`truncate job_ready, job_later, job_held, job_dependencies`);
  });
  afterAll(() => engines.close());

  const members = (count: number, more: object = {}) =>
    Array.from({ length: count }, (_, n) => ({ jobType: 'part', payload: { n }, ...more }));

  /** As a request would: in a transaction of carillon_app. */
  async function create(request: Partial<BatchRequest>): Promise<CreatedBatch> {
    const tx = await engines.db.as('carillon_app').connect();
    try {
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [engines.organizationId]);
      const batch = await engines.client.createBatch(tx, {
        organizationId: engines.organizationId,
        jobs: [],
        ...request,
      });
      await tx.query('commit');
      return batch;
    } catch (error) {
      await tx.query('rollback');
      throw error;
    } finally {
      tx.release();
    }
  }
  const row = async (id: string) => (await engines.rows(`select * from job_batches where id = $1`, [id]))[0]!;
  const add = (batchId: string, more: object = {}) =>
    engines.client.enqueueGathered({ organizationId: engines.organizationId, jobType: 'part', batchId, ...more });

  it('count their members down by outcome, then run the completion job once', async () => {
    const told: unknown[] = [];
    const { engine } = engines.engine({
      handlers: {
        part: async (payload) => {
          if ((payload as { n: number }).n === 1) throw new Error('no');
        },
        done: async (_payload, ctx) => void told.push(ctx.subject),
      },
    });
    const batch = await create({
      name: 'three parts',
      jobs: members(3, { maxRetries: 0 }),
      completion: { jobType: 'done' },
    });
    expect(batch.jobs).toHaveLength(3);
    expect(await row(batch.id)).toMatchObject({ name: 'three parts', total: 3, pending: 3, finished_at: null });
    expect(await engines.client.cancel(engines.pool, batch.jobs[2]!.id, { userId: null })).toBe('cancelled');
    await engine.gatekeeper.runOnce();
    expect(told).toEqual([]);
    await engine.worker.runOnce();
    await engine.gatekeeper.runOnce();
    await engine.worker.runOnce();
    expect(await row(batch.id)).toMatchObject({
      total: 3,
      pending: 0,
      completed: 1,
      failed: 1,
      cancelled: 1,
      completion_job_id: batch.completionJobId,
      finished_at: expect.any(Date),
    });
    expect(told).toEqual([{ type: 'batch', id: batch.id }]);
  });

  it('grow while they have not finished, total and pending together', async () => {
    const { engine } = engines.engine({ handlers: { part: async () => undefined, done: async () => undefined } });
    const batch = await create({ jobs: members(1), completion: { jobType: 'done' } });
    await Promise.all(Array.from({ length: 20 }, () => add(batch.id)));
    await engines.client.enqueue(
      engines.pool,
      members(5).map((job) => ({ ...job, organizationId: engines.organizationId, batchId: batch.id })),
    );
    expect(await row(batch.id)).toMatchObject({ total: 26, pending: 26 });
    await engine.worker.runOnce();
    await engine.gatekeeper.runOnce();
    expect(await row(batch.id)).toMatchObject({ total: 26, pending: 0, completed: 26, finished_at: expect.any(Date) });
    await engine.worker.runOnce();
    expect(await engines.job(batch.completionJobId!)).toMatchObject({ status: 'completed' });
  });

  it('take nothing once they have finished, nor when there is no such batch in the organisation', async () => {
    const { engine } = engines.engine({ handlers: { part: async () => undefined } });
    const batch = await create({ jobs: members(1) });
    await engine.worker.runOnce();
    expect(await row(batch.id)).toMatchObject({ pending: 0, finished_at: expect.any(Date) });
    await expect(add(batch.id)).rejects.toMatchObject({ batchId: batch.id, why: 'finished' });
    await expect(add(uuidv7())).rejects.toMatchObject({ why: 'unknown' });
    const open = await create({ jobs: members(1) });
    await expect(add(open.id, { organizationId: other })).rejects.toBeInstanceOf(BatchNotOpen);
    expect(await row(open.id)).toMatchObject({ total: 1 });
  });

  it('that are empty have finished at once, and their completion job runs', async () => {
    const batch = await create({ jobs: [], completion: { jobType: 'done' } });
    expect(await row(batch.id)).toMatchObject({ total: 0, pending: 0, finished_at: expect.any(Date) });
    expect(await engines.rows(`select from job_ready where job_id = $1`, [batch.completionJobId])).toHaveLength(1);
    await expect(add(batch.id)).rejects.toMatchObject({ why: 'finished' });
  });

  it('do not count what was somebody’s job already', async () => {
    await engines.enqueue({ jobType: 'part', uniqueKey: 'mine' });
    const batch = await create({ jobs: [...members(1), { jobType: 'part', uniqueKey: 'mine' }] });
    expect(batch.jobs.map(({ reused }) => reused)).toEqual([false, true]);
    expect(await row(batch.id)).toMatchObject({ total: 1, pending: 1 });
  });

  it('leave nothing behind when one of their jobs is refused', async () => {
    const before = await engines.rows(`select count(*) from job_batches`);
    await expect(create({ jobs: [...members(2), { jobType: 'part', after: [uuidv7()] }] })).rejects.toBeInstanceOf(
      UnknownParent,
    );
    expect(await engines.rows(`select count(*) from job_batches`)).toEqual(before);
  });

  it('keep their completion job behind its own gates too: its time, its key', async () => {
    const { engine } = engines.engine({ handlers: { part: async () => undefined } });
    const runAt = new Date('2100-01-01T00:00:00Z');
    const batch = await create({ jobs: members(1), completion: { jobType: 'done', runAt, concurrencyKey: 'k' } });
    await engine.worker.runOnce();
    await engine.gatekeeper.runOnce();
    expect(await engines.rows(`select from job_later where job_id = $1`, [batch.completionJobId])).toHaveLength(1);
  });

  it('complete once although members end on two workers while more are added', async () => {
    let completions = 0;
    let ran = 0;
    const handlers = {
      part: async () => void ran++,
      done: async () => void completions++,
    };
    const { client } = await engines.start({ handlers });
    await engines.start({ handlers });
    const batches = await Promise.all(
      Array.from({ length: 4 }, () => create({ jobs: members(20), completion: { jobType: 'done' } })),
    );
    const added = await Promise.all(
      batches.map(async ({ id }) => {
        let more = 0;
        for (let i = 0; i < 20; i++)
          await client.enqueueGathered({ organizationId: engines.organizationId, jobType: 'part', batchId: id }).then(
            () => more++,
            (error: unknown) => expect(error).toMatchObject({ why: 'finished' }),
          );
        return more;
      }),
    );
    const members_ = 80 + added.reduce((sum, more) => sum + more, 0);
    await eventually(
      async () =>
        (await engines.rows(`select from job_batches where finished_at is null`)).length <= 2 && completions === 4,
      () => `4 completion jobs to run, ${completions} did`,
    );
    expect(ran).toBe(members_);
    for (const [index, { id }] of batches.entries())
      expect(await row(id)).toMatchObject({ total: 20 + added[index]!, pending: 0, completed: 20 + added[index]! });
    expect(completions).toBe(4);
  });
});
