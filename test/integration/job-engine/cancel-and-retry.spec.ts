import type pg from 'pg';
import { type RunStopped, UniqueKeyHeld } from '@carillon/job-engine';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('cancel and retry', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.stopAll());
  afterAll(() => engines.close());
  const by = { userId: null };

  it('cancels a queued job at once; it never runs', async () => {
    let ran = false;
    const { engine } = engines.engine({
      handlers: {
        waiting: async () => {
          ran = true;
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'waiting' });
    expect(await engines.client.cancel(engines.pool, id, { ...by, reason: 'changed my mind' })).toBe('cancelled');
    await engine.worker.runOnce();
    expect(ran).toBe(false);
    expect(await engines.job(id)).toMatchObject({
      status: 'cancelled',
      cancel_reason: 'changed my mind',
      completed_at: expect.any(Date),
    });
    expect(await engines.rows(`select from job_claims`)).toEqual([]); // the stale entry was taken and dropped
  });

  it('cancels a job of the future, and forgets its entry', async () => {
    const id = await engines.enqueue({ jobType: 'waiting', runAt: new Date('2100-01-01T00:00:00Z') });
    expect(await engines.client.cancel(engines.pool, id, by)).toBe('cancelled');
    expect(await engines.rows(`select from job_later where job_id = $1`, [id])).toEqual([]);
  });

  it.each([
    ['with NOTIFY', false],
    ['by polling alone', true],
  ])('fires the signal of a running job within a second, from another process, %s', async (_name, deaf) => {
    const reasons: unknown[] = [];
    await engines.start({
      deaf,
      watchMs: 500,
      handlers: {
        running: (_payload, ctx) =>
          new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => {
              reasons.push((ctx.signal.reason as RunStopped).kind);
              reject(new Error('stopped'));
            });
          }),
      },
    });
    const id = await engines.enqueue({ jobType: 'running' });
    await engines.until(id, 'processing');
    const { client } = engines.engine({ handlers: {} }); // as if in another process
    expect(await client.cancel(engines.pool, id, { ...by, reason: 'enough' })).toBe('cancel_requested');
    client.wakeCancelled();
    await eventually(
      () => reasons.length > 0,
      () => 'the signal',
      1_000,
    );
    expect(reasons).toEqual(['cancel']);
    await engines.until(id, 'cancelled');
    expect(await engines.attempts(id)).toMatchObject([{ number: 1, outcome: 'cancelled', error_message: 'enough' }]);
  });

  it('fences off a handler that ignores its signal', async () => {
    const letGo = signal();
    const { engine } = await engines.start({
      abandonAfterMs: 100,
      handlers: {
        deaf: async () => {
          await letGo.promise;
          return 'late';
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'deaf' });
    await engines.until(id, 'processing');
    await engines.client.cancel(engines.pool, id, by);
    await engines.until(id, 'cancelled', 2_000);
    expect(engine.worker.counters.leftBehind).toBe(1);
    letGo.give();
    await new Promise(setImmediate);
    expect(await engines.job(id)).toMatchObject({ status: 'cancelled', result: null });
  });

  it('lets a job that ends in time be completed although its cancel was asked for', async () => {
    const letGo = signal();
    const { engine } = engines.engine({ handlers: { quick: async () => letGo.promise } });
    const id = await engines.enqueue({ jobType: 'quick' });
    const running = engine.worker.runOnce();
    await engines.until(id, 'processing');
    expect(await engines.client.cancel(engines.pool, id, by)).toBe('cancel_requested');
    letGo.give();
    await running;
    expect(await engines.job(id)).toMatchObject({ status: 'completed' });
  });

  it('cancels instead of retrying a job that fails after its cancel was asked for', async () => {
    const letGo = signal();
    const { engine } = engines.engine({
      handlers: {
        failing: async () => {
          await letGo.promise;
          throw new Error('unaware');
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'failing' });
    const running = engine.worker.runOnce();
    await engines.until(id, 'processing');
    await engines.client.cancel(engines.pool, id, by);
    letGo.give();
    await running;
    expect(await engines.job(id)).toMatchObject({ status: 'cancelled', error_message: 'unaware' });
    expect(await engines.attempts(id)).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('stops a run whose job was cancelled between claim and start', async () => {
    const fired = signal<string>();
    await engines.start({
      handlers: {
        raced: (_payload, ctx) =>
          new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => {
              fired.give((ctx.signal.reason as RunStopped).kind);
              reject(new Error('stopped'));
            });
          }),
      },
    });
    const id = await engines.enqueue({ jobType: 'raced' });
    await engines.until(id, 'processing');
    // what a cancel does that saw no claim yet
    await engines.db.owner.query(
      `update background_jobs set status = 'cancelled', run = run + 1, completed_at = carillon_now() where id = $1`,
      [id],
    );
    expect(await fired.promise).toBe('lease_lost');
    expect(await engines.job(id)).toMatchObject({ status: 'cancelled' });
  });

  it('answers already_ended and not_found, and retry not_ended', async () => {
    const { engine } = engines.engine({ handlers: { done: async () => 1 } });
    const id = await engines.enqueue({ jobType: 'done' });
    expect(await engines.client.retry(engines.pool, id, by)).toBe('not_ended');
    await engine.worker.runOnce();
    expect(await engines.client.cancel(engines.pool, id, by)).toBe('already_ended');
    const nobody = '00000000-0000-7000-8000-000000000000';
    expect(await engines.client.cancel(engines.pool, nobody, by)).toBe('not_found');
    expect(await engines.client.retry(engines.pool, nobody, by)).toBe('not_found');
  });

  it('runs an ended job again with its history kept and its retries fresh', async () => {
    let fail = true;
    const { engine } = engines.engine({
      handlers: {
        again: async (_payload, ctx) => {
          if (fail) throw new Error('no');
          return ctx.attempt;
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'again', maxRetries: 0 });
    await engine.worker.runOnce();
    fail = false;
    expect(await engines.client.retry(engines.pool, id, by)).toBe('queued');
    expect(await engines.job(id)).toMatchObject({
      status: 'queued',
      error_code: null,
      completed_at: null,
      progress: 0,
    });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'completed', result: 2 });
    expect((await engines.attempts(id)).map(({ outcome }) => outcome)).toEqual(['failed', 'completed']);
  });

  it('does not run a unique job again beside another that holds its key', async () => {
    const { engine } = engines.engine({ handlers: { sync: async () => 1 } });
    const id = await engines.enqueue({ jobType: 'sync', uniqueKey: 'x' });
    await engine.worker.runOnce();
    await engines.enqueue({ jobType: 'sync', uniqueKey: 'x' });
    await expect(engines.client.retry(engines.pool, id, by)).rejects.toThrow(UniqueKeyHeld);
    await engine.worker.runOnce();
    expect(await engines.client.retry(engines.pool, id, by)).toBe('queued');
  });

  it('has one winner of cancel, completion and rescue at once, and a named result for the others', async () => {
    for (let round = 0; round < 15; round++) {
      const letGo = signal();
      const { engine } = engines.engine({
        name: `racer-${round}`,
        leaseMs: 1,
        handlers: { race: async () => letGo.promise },
      });
      const { engine: rescuer } = engines.engine({ name: 'rescuer', handlers: {} });
      const id = await engines.enqueue({ jobType: 'race', queue: `race-${round}` });
      const running = engine.worker.runOnce();
      await engines.until(id, 'processing');
      letGo.give();
      const [cancelled] = await Promise.all([
        engines.client.cancel(engines.pool, id, by),
        rescuer.rescuer.runOnce(),
        running,
      ]);
      const job = await engines.job(id);
      const attempts = await engines.attempts(id);
      const completions = attempts.filter(({ outcome }) => outcome === 'completed').length;
      expect([
        ['cancelled', 'cancelled', 0],
        ['cancel_requested', 'cancelled', 0],
        ['cancel_requested', 'completed', 1],
        ['already_ended', 'completed', 1],
      ]).toContainEqual([cancelled, job.status, completions]);
      await engines.stopAll();
    }
  });

  it('keeps organisations apart: another’s job is not found', async () => {
    const id = await engines.enqueue({ jobType: 'waiting' });
    const other = await engines.makeOrganization('other');
    const asOther = async (work: (tx: pg.PoolClient) => Promise<string>) => {
      const tx = await engines.db.as('carillon_app').connect();
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [other]);
      const result = await work(tx);
      await tx.query('commit');
      tx.release();
      return result;
    };
    expect(await asOther((tx) => engines.client.cancel(tx, id, by))).toBe('not_found');
    expect(await asOther((tx) => engines.client.retry(tx, id, by))).toBe('not_found');
    expect(await engines.job(id)).toMatchObject({ status: 'queued' });
  });

  it('works for carillon_app within its organisation: cancel, cancel of a running job, retry', async () => {
    const asMine = async <T>(work: (tx: pg.PoolClient) => Promise<T>) => {
      const tx = await engines.db.as('carillon_app').connect();
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [engines.organizationId]);
      const result = await work(tx);
      await tx.query('commit');
      tx.release();
      return result;
    };
    const waiting = await engines.enqueue({ jobType: 'waiting', runAt: new Date('2100-01-01T00:00:00Z') });
    expect(await asMine((tx) => engines.client.cancel(tx, waiting, by))).toBe('cancelled');
    expect(await asMine((tx) => engines.client.retry(tx, waiting, by))).toBe('queued');
    expect(await asMine((tx) => engines.client.cancel(tx, waiting, by))).toBe('cancelled');
    const letGo = signal();
    const { engine } = engines.engine({ handlers: { held: async () => letGo.promise } });
    const held = await engines.enqueue({ jobType: 'held' });
    const running = engine.worker.runOnce();
    await engines.until(held, 'processing');
    expect(await asMine((tx) => engines.client.cancel(tx, held, by))).toBe('cancel_requested');
    letGo.give();
    await running;
  });
});
