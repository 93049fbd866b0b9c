import { v7 as uuidv7 } from 'uuid';
import { type EnqueueRequest, UnknownParent } from '@carillon/job-engine';
import { eventually, TestEngines } from './test-engines.js';

describe('dependencies', () => {
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

  const request = (more: Partial<EnqueueRequest> = {}): EnqueueRequest => ({
    organizationId: engines.organizationId,
    jobType: 'step',
    ...more,
  });
  const ask = async (more: Partial<EnqueueRequest> = {}) => (await engines.client.enqueueGathered(request(more))).id;
  const edges = (id: string) => engines.rows(`select parent_id from job_dependencies where job_id = $1`, [id]);
  const place = async (id: string) =>
    (
      await engines.rows(
        `select 'ready' place from job_ready where job_id = $1 union all select 'later' from job_later where job_id = $1
         union all select 'held' from job_held where job_id = $1`,
        [id],
      )
    ).map((row) => row.place);

  it('hold a job until all of its parents have completed, and let it run once', async () => {
    const order: string[] = [];
    const { engine } = engines.engine({
      handlers: { step: async (payload) => void order.push((payload as { n: string }).n) },
    });
    const parents = [await ask({ payload: { n: 'a' } }), await ask({ payload: { n: 'b' } })];
    const child = await ask({ after: parents, payload: { n: 'child' } });
    const grandchild = await ask({ after: [child], payload: { n: 'grandchild' } });
    expect(await place(child)).toEqual(['held']);
    await engine.gatekeeper.runOnce();
    expect(await place(child)).toEqual(['held']);
    for (let i = 0; i < 3; i++) {
      await engine.worker.runOnce();
      await engine.gatekeeper.runOnce();
    }
    expect(order.slice(0, 2).sort()).toEqual(['a', 'b']);
    expect(order.slice(2)).toEqual(['child', 'grandchild']);
    expect(await edges(grandchild)).toEqual([]);
  });

  it('do not hold a job whose parents have completed already', async () => {
    const { engine } = engines.engine({ handlers: { step: async () => undefined } });
    const parent = await ask();
    await engine.worker.runOnce();
    const child = await ask({ after: [parent, parent] });
    await engine.gatekeeper.runOnce();
    expect(await place(child)).toEqual(['ready']);
    expect(await edges(child)).toEqual([]);
  });

  it('keep a future job from its parents’ end until its time', async () => {
    const { engine } = engines.engine({ handlers: { step: async () => undefined } });
    const parent = await ask();
    const child = await ask({ after: [parent], runAt: new Date('2100-01-01T00:00:00Z') });
    expect(await place(child)).toEqual(['held']);
    await engine.worker.runOnce();
    await engine.gatekeeper.runOnce();
    expect(await place(child)).toEqual(['later']);
  });

  it('refuse an id that is no job of the organisation, and say which', async () => {
    const mine = await ask();
    const [foreign] = await engines.client.enqueue(engines.pool, [request({ organizationId: other })]);
    for (const stranger of [uuidv7(), foreign!.id]) {
      const error = await engines.client.enqueueGathered(request({ after: [mine, stranger] })).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UnknownParent);
      expect(error).toMatchObject({
        index: 1,
        parentId: stranger,
        request: 0,
        message: expect.stringContaining('after[1]'),
      });
    }
  });

  it('refuse all jobs of one call for one of them, and name it; gathered callers each have their own answer', async () => {
    const mark = uuidv7();
    const bulk = [request({ subject: { type: 'x', id: mark } }), request({ after: [uuidv7()] })];
    await expect(engines.client.enqueue(engines.pool, bulk)).rejects.toMatchObject({ request: 1, index: 0 });
    expect(await engines.rows(`select id from background_jobs where subject_id = $1`, [mark])).toEqual([]);
    const parent = await ask();
    const settled = await Promise.allSettled([
      ask({ after: [parent] }),
      ask({ after: [uuidv7()] }),
      ask({ uniqueKey: 'beside' }),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('work as carillon_app, to whom foreign jobs are unknown', async () => {
    const mine = await ask();
    const [foreign] = await engines.client.enqueue(engines.pool, [request({ organizationId: other })]);
    const tx = await engines.db.as('carillon_app').connect();
    try {
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [engines.organizationId]);
      const [child] = await engines.client.enqueue(tx, [request({ after: [mine] })]);
      expect(child).toMatchObject({ held: true });
      await expect(engines.client.enqueue(tx, [request({ after: [foreign!.id] })])).rejects.toThrow(UnknownParent);
      await tx.query('commit');
      expect(await edges(child!.id)).toEqual([{ parent_id: mine }]);
    } finally {
      tx.release();
    }
  });

  it('let a child go once, however its last parents end together and whenever it comes', async () => {
    const runs = new Map<string, number>();
    const handlers = {
      step: async (_payload: unknown, ctx: { jobId: string }) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        runs.set(ctx.jobId, (runs.get(ctx.jobId) ?? 0) + 1);
      },
    };
    await engines.start({ handlers });
    const { client } = await engines.start({ handlers });
    const children = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const parents = await Promise.all([1, 2, 3].map(() => client.enqueueGathered(request())));
        await new Promise((resolve) => setTimeout(resolve, i % 7)); // before, while and after the parents end
        return client.enqueueGathered(request({ after: parents.map(({ id }) => id) }));
      }),
    );
    await eventually(
      () => children.every(({ id }) => runs.has(id)),
      () => `all children to run; ${children.filter(({ id }) => !runs.has(id)).length} did not`,
      20_000,
    );
    expect(new Set(runs.values())).toEqual(new Set([1]));
    expect(await engines.rows(`select * from job_dependencies`)).toEqual([]);
  });

  it('wake those who open the gates: a child runs long before the next poll', async () => {
    const { client } = await engines.start({ handlers: { step: async () => undefined }, pollMs: 60_000 });
    const parent = await client.enqueueGathered(request());
    await engines.until(parent.id, 'completed');
    const child = await client.enqueueGathered(request({ after: [parent.id] }));
    await engines.until(child.id, 'completed', 5_000);
  });
});
