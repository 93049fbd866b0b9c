/** Limits and pauses: never more at once or a minute than allowed, whoever claims; nobody kept out by somebody else's flood. */
import { claimJobs, registerWorker, renewLease } from '../../../libs/job-engine/job-store/index.js';
import { moveClock } from '../../support/movable-clock.js';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('limits', () => {
  let engines: TestEngines;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.close());

  const set = (table: string, key: Record<string, unknown>, values: Record<string, unknown>) => {
    const all = { ...key, ...values };
    const names = Object.keys(all);
    return engines.rows(
      `insert into ${table} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})
       on conflict (${Object.keys(key).join(', ')}) do update set ${Object.keys(values)
         .map((name) => `${name} = excluded.${name}`)
         .join(', ')}`,
      Object.values(all),
    );
  };
  const limitType = (values: Record<string, unknown>, jobType = 'work') =>
    set('job_type_controls', { job_type: jobType }, values);
  const numberOf = async (organizationId: string) =>
    (await engines.rows(`select number from organizations where id = $1`, [organizationId]))[0]!.number as number;
  const limitOrganization = async (organizationId: string, values: Record<string, unknown>) =>
    set('organization_controls', { org: await numberOf(organizationId) }, values);
  const completed = async () =>
    Number((await engines.rows(`select count(*) n from background_jobs where status = 'completed'`))[0]!.n);

  /** Handlers that count how many run at once, by whatever `of` names. */
  function counting(of: (ctx: { organizationId: string; payload: { key?: string } }) => string = () => 'all') {
    const now: Record<string, number> = {};
    const most: Record<string, number> = {};
    const work = async (payload: unknown, ctx: { organizationId: string }) => {
      const name = of({ organizationId: ctx.organizationId, payload: payload as { key?: string } });
      now[name] = (now[name] ?? 0) + 1;
      most[name] = Math.max(most[name] ?? 0, now[name]);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      now[name]--;
    };
    return { most, work };
  }

  it('runs no more of a type at once than its limit, over two workers, and all of them in the end', async () => {
    await limitType({ max_running: 3 });
    const { most, work } = counting();
    for (let i = 0; i < 40; i++) await engines.enqueue({ jobType: 'work' });
    await engines.start({ handlers: { work } });
    await engines.start({ handlers: { work } });
    await eventually(
      async () => (await completed()) === 40,
      () => 'all 40 to be completed',
    );
    expect(most.all).toBe(3);
    expect(await engines.rows(`select from job_slots`)).toEqual([]);
  });

  it('takes what is declared where an administrator has set nothing, and what is set before what is declared', async () => {
    await limitType({ declared_max_running: 1 });
    const { most, work } = counting();
    for (let i = 0; i < 6; i++) await engines.enqueue({ jobType: 'work' });
    await engines.start({ handlers: { work } });
    await eventually(
      async () => (await completed()) === 6,
      () => 'six to be completed',
    );
    expect(most.all).toBe(1);
    await limitType({ max_running: 4 });
    for (let i = 0; i < 12; i++) await engines.enqueue({ jobType: 'work' });
    await eventually(
      async () => (await completed()) === 18,
      () => 'the others to be completed',
    );
    expect(most.all).toBe(4);
  });

  it('runs jobs with the same concurrency key one after the other, in their order, beside those of other keys', async () => {
    const { most, work } = counting(({ payload }) => payload.key!);
    const order: string[] = [];
    const handlers = {
      work: async (payload: unknown, ctx: { jobId: string; organizationId: string }) => {
        await work(payload, ctx);
        if ((payload as { key: string }).key === 'a') order.push(ctx.jobId);
      },
    };
    const asked: string[] = [];
    for (let i = 0; i < 10; i++)
      for (const key of ['a', 'b']) {
        const id = await engines.enqueue({ jobType: 'work', concurrencyKey: key, payload: { key } });
        if (key === 'a') asked.push(id);
      }
    await engines.start({ handlers });
    await engines.start({ handlers });
    await eventually(
      async () => (await completed()) === 20,
      () => 'all to be completed',
    );
    expect(most).toEqual({ a: 1, b: 1 });
    expect(order).toEqual(asked);
  });

  it('holds both limits where key and type have one', async () => {
    await limitType({ max_running: 3, key_max_running: 2 });
    const byKey = counting(({ payload }) => payload.key!);
    const all = counting();
    const handlers = {
      work: (payload: unknown, ctx: { organizationId: string }) =>
        Promise.all([byKey.work(payload, ctx), all.work(payload, ctx)]),
    };
    for (let i = 0; i < 30; i++) {
      const key = ['a', 'b', 'c'][i % 3]!;
      await engines.enqueue({ jobType: 'work', concurrencyKey: key, payload: { key } });
    }
    await engines.start({ handlers });
    await eventually(
      async () => (await completed()) === 30,
      () => 'all to be completed',
    );
    expect(all.most.all).toBeLessThanOrEqual(3);
    expect(Math.max(...Object.values(byKey.most))).toBeLessThanOrEqual(2);
  });

  it.each([
    ['type', () => limitType({ per_minute: 4 })],
    ['key', () => limitType({ key_per_minute: 4, key_max_running: 100 })],
    ['queue', async () => engines.rows(`insert into queues (name, per_minute) values ('default', 4)`)],
    ['organisation', () => limitOrganization(engines.organizationId, { per_minute: 4 })],
  ])('starts no more than so many a minute: %s', async (scope, limit) => {
    await limit();
    const { engine } = engines.engine({ handlers: { work: async () => 1 } });
    const concurrencyKey = scope === 'key' ? 'k' : undefined;
    for (let i = 0; i < 10; i++) await engines.enqueue({ jobType: 'work', concurrencyKey });
    const rounds = async () => {
      for (let i = 0; i < 4; i++) {
        await engine.gatekeeper.gates.runOnce();
        await engine.worker.runOnce();
      }
    };
    await rounds();
    expect(await completed()).toBe(4);
    await moveClock(engines.db.url, 59_000);
    await rounds();
    expect(await completed()).toBe(4);
    await moveClock(engines.db.url, 62_000);
    await rounds();
    expect(await completed()).toBe(8);
  });

  it('runs no more at once than a queue allows, whoever claims', async () => {
    await engines.rows(`insert into queues (name, max_running) values ('default', 3)`);
    const { most, work } = counting();
    for (let i = 0; i < 40; i++) await engines.enqueue({ jobType: 'work' });
    await engines.start({ handlers: { work }, leaseMs: 1_000 });
    await engines.start({ handlers: { work }, leaseMs: 1_000 });
    await eventually(
      async () => (await completed()) === 40,
      () => 'all 40 to be completed',
    );
    expect(most.all).toBe(3);
  });

  it('is not overrun where a renewal of the lease that was sent before a claim arrives after it', async () => {
    await engines.rows(`insert into queues (name, max_running) values ('default', 3)`);
    const [{ number: queue }] = (await engines.rows(`select number from queues`)) as [{ number: number }];
    for (let i = 0; i < 9; i++) await engines.enqueue({ jobType: 'work' });
    const [one, two] = [
      await registerWorker(engines.pool, 'one', 60_000, []),
      await registerWorker(engines.pool, 'two', 60_000, []),
    ];
    const claim = async (worker: number) =>
      (await claimJobs(engines.pool, { worker, queue, batch: 10, cursor: { org: 0, owed: 0 }, running: {} }))!;
    const { jobs, claimId } = await claim(one);
    expect(jobs).toHaveLength(3);
    await renewLease(engines.pool, one, 60_000, { running: {}, asOfClaim: '0' });
    expect((await claim(two)).jobs).toEqual([]);
    await renewLease(engines.pool, one, 60_000, { running: {}, asOfClaim: claimId! }); // all of them have ended
    expect((await claim(two)).jobs).toHaveLength(3);
  });

  it("counts an organisation's limit over all queues", async () => {
    await limitOrganization(engines.organizationId, { max_running: 2 });
    const { most, work } = counting();
    for (let i = 0; i < 20; i++) await engines.enqueue({ jobType: 'work', queue: i % 2 ? 'one' : 'two' });
    await engines.start({ handlers: { work }, leaseMs: 1_000 });
    await engines.start({ handlers: { work }, leaseMs: 1_000 });
    await eventually(
      async () => (await completed()) === 20,
      () => 'all 20 to be completed',
    );
    expect(most.all).toBe(2);
  });

  it("lets another organisation's job of a limited type pass a flood", async () => {
    await limitType({ max_running: 1 });
    const other = await engines.makeOrganization('other');
    const order: string[] = [];
    const handlers = {
      work: async (_: unknown, ctx: { organizationId: string }) => {
        order.push(ctx.organizationId);
      },
    };
    const { engine } = engines.engine({ handlers });
    for (let i = 0; i < 30; i++) await engines.enqueue({ jobType: 'work' });
    await engines.enqueue({ jobType: 'work', organizationId: other });
    for (let i = 0; i < 6; i++) {
      await engine.worker.runOnce();
      await engine.gatekeeper.runOnce();
    }
    expect(order.slice(0, 4)).toContain(other);
  });

  it('gives a slot back when its job is cancelled while it waits in the queue', async () => {
    await limitType({ max_running: 1 });
    await engines.rows(`insert into queues (name) values ('default') on conflict do nothing`);
    const { engine } = engines.engine({ handlers: { work: async () => 1 } });
    const ids = [await engines.enqueue({ jobType: 'work' }), await engines.enqueue({ jobType: 'work' })];
    await engine.worker.runOnce(); // takes both, finds that they need slots, and gives them back
    await engine.gatekeeper.runOnce();
    const [{ job_id: holder }] = (await engines.rows(`select job_id from job_slots`)) as [{ job_id: string }];
    await engines.client.cancel(engines.pool, holder, { userId: null });
    await engine.gatekeeper.runOnce();
    await engine.worker.runOnce();
    expect(await engines.job(ids.find((id) => id !== holder)!)).toMatchObject({ status: 'completed' });
  });

  it('leaves a paused type alone, what is already ready included, until it goes on; what runs goes on', async () => {
    const started = signal();
    const finish = signal();
    const handlers = {
      work: async (payload: unknown) => {
        if (!(payload as { long?: boolean }).long) return;
        started.give();
        await finish.promise;
      },
    };
    const { wakeups } = await engines.start({ handlers });
    const running = await engines.enqueue({ jobType: 'work', payload: { long: true } });
    wakeups.wake(['default']);
    await started.promise;
    await limitType({ paused_at: new Date(), paused_reason: 'month end' });
    const waiting = await engines.enqueue({ jobType: 'work' });
    wakeups.wake(['default']);
    await eventually(
      async () => (await engines.rows(`select from job_held where job_id = $1`, [waiting])).length === 1,
      () => 'the job to be held',
    );
    finish.give();
    await engines.until(running, 'completed');
    expect(await engines.job(waiting)).toMatchObject({ status: 'queued', attempt_count: 0 });
    await limitType({ paused_at: null, paused_reason: null });
    await engines.until(waiting, 'completed');
  });

  it("does not leave a type's slots with an organisation that is paused", async () => {
    await limitType({ max_running: 1 });
    const other = await engines.makeOrganization('other');
    const { engine } = engines.engine({ handlers: { work: async () => 1 } });
    const paused = await engines.enqueue({ jobType: 'work' });
    await engine.worker.runOnce();
    await engine.gatekeeper.runOnce();
    expect(await engines.rows(`select job_id from job_slots`)).toEqual([{ job_id: paused }]);
    await limitOrganization(engines.organizationId, { paused_at: new Date() });
    const waiting = await engines.enqueue({ jobType: 'work', organizationId: other });
    await moveClock(engines.db.url, 10_000);
    for (let i = 0; i < 3; i++) {
      await engine.worker.runOnce();
      await engine.gatekeeper.runOnce();
    }
    expect(await engines.job(waiting)).toMatchObject({ status: 'completed' });
    await limitOrganization(engines.organizationId, { paused_at: null });
    for (let i = 0; i < 3; i++) {
      await engine.worker.runOnce();
      await engine.gatekeeper.runOnce();
    }
    expect(await engines.job(paused)).toMatchObject({ status: 'completed', attempt_count: 1 });
  });
});
