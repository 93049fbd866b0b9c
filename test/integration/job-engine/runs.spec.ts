import { CancelJob, DiscardJob, InvalidPayload, RetryAfter, type RunStopped, SnoozeJob } from '@carillon/job-engine';
import { moveClock } from '../../support/movable-clock.js';
import { eventually, type Handler, signal, TestEngines } from './test-engines.js';

describe('a run', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(async () => {
    await engines.stopAll();
    await moveClock(engines.db.url, 0);
  });
  afterAll(() => engines.close());

  /** Runs what is due, then moves the clock until the retry is due, as often as it takes. */
  async function runToEnd(jobType: string, handler: Handler, more: object = {}): Promise<string> {
    const { engine } = engines.engine({ handlers: { [jobType]: handler } });
    const id = await engines.enqueue({ jobType, ...more });
    for (let hours = 2; hours < 20; hours += 2) {
      await engine.worker.runOnce();
      if ((await engines.job(id)).status !== 'queued') break;
      await moveClock(engines.db.url, hours * 3_600_000);
      await engine.promoter.runOnce();
    }
    return id;
  }

  it('that fails twice and then succeeds has three attempts, and tells when it will be tried again', async () => {
    const { engine } = engines.engine({
      handlers: {
        flaky: async (_payload, ctx) => {
          if (ctx.attempt < 3) throw new TypeError(`not yet ${ctx.attempt}`);
          return ctx.attempt;
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'flaky', backoff: { base: 60_000, cap: 60_000 } });
    await engine.worker.runOnce();
    const waiting = await engines.job(id);
    expect(waiting).toMatchObject({
      status: 'queued',
      retry_count: 1,
      error_code: 'TypeError',
      error_message: 'not yet 1',
      progress: 0,
    });
    expect((waiting.next_retry_at as Date).getTime()).toBeGreaterThan(Date.now() - 5_000);
    expect((waiting.next_retry_at as Date).getTime()).toBeLessThan(Date.now() + 65_000);
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ retry_count: 1 }); // not due, so not run
    for (const minutes of [2, 4]) {
      await moveClock(engines.db.url, minutes * 60_000);
      await engine.promoter.runOnce();
      await engine.worker.runOnce();
    }
    expect(await engines.job(id)).toMatchObject({
      status: 'completed',
      result: 3,
      retry_count: 2,
      error_code: null,
      next_retry_at: null,
    });
    expect(await engines.attempts(id)).toMatchObject([
      {
        number: 1,
        outcome: 'failed',
        error_code: 'TypeError',
        error_message: 'not yet 1',
        error_stack: expect.stringContaining('runs.spec'),
      },
      { number: 2, outcome: 'failed', error_message: 'not yet 2' },
      { number: 3, outcome: 'completed', error_code: null },
    ]);
  });

  it('ends its job after four attempts by default', async () => {
    const id = await runToEnd('hopeless', async () => {
      throw new Error('never');
    });
    expect(await engines.job(id)).toMatchObject({ status: 'failed', retry_count: 3, error_message: 'never' });
    expect(await engines.attempts(id)).toHaveLength(4);
  });

  it('that throws DiscardJob fails at once; CancelJob cancels', async () => {
    const discarded = await runToEnd('discard', async () => {
      throw new DiscardJob('useless', 'not_a_csv');
    });
    expect(await engines.job(discarded)).toMatchObject({ status: 'failed', error_code: 'not_a_csv', retry_count: 0 });
    const cancelled = await runToEnd('cancel', async () => {
      throw new CancelJob('no longer wanted');
    });
    expect(await engines.job(cancelled)).toMatchObject({ status: 'cancelled', error_message: 'no longer wanted' });
  });

  it('that snoozes burns no attempt', async () => {
    let runs = 0;
    const id = await runToEnd(
      'sleepy',
      async (_payload, ctx) => {
        expect(ctx.attempt).toBe(1);
        if (++runs < 4) throw new SnoozeJob(60_000);
        return runs;
      },
      { maxRetries: 0 },
    );
    expect(await engines.job(id)).toMatchObject({ status: 'completed', result: 4, retry_count: 0 });
    expect(await engines.attempts(id)).toHaveLength(1);
    const log = await engines.rows(`select attempt, message from job_log_entries where job_id = $1 order by id`, [id]);
    expect(log).toEqual(
      Array.from({ length: 3 }, () => ({ attempt: 1, message: expect.stringMatching(/^snoozed until 20..-.+Z$/) })),
    );
  });

  it('that throws RetryAfter is tried again after just that time', async () => {
    const { engine } = engines.engine({
      handlers: {
        later: async () => {
          throw new RetryAfter(600_000, 'busy');
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'later' });
    await engine.worker.runOnce();
    const job = await engines.job(id);
    expect(job).toMatchObject({ status: 'queued', retry_count: 1, error_code: 'retry_after' });
    expect(Math.abs((job.next_retry_at as Date).getTime() - (job.started_at as Date).getTime() - 600_000)).toBeLessThan(
      2_000,
    );
  });

  it('of an undecodable payload fails that job and no other', async () => {
    const checkPayload = async (raw: unknown) => {
      if ((raw as { bad?: true }).bad) throw new InvalidPayload([{ pointer: '/bad', message: 'must not be' }]);
      return raw;
    };
    const { engine } = engines.engine({ handlers: { strict: { checkPayload, run: async () => 'ok' } } });
    const bad = await engines.enqueue({ jobType: 'strict', payload: { bad: true } });
    const good = await engines.enqueue({ jobType: 'strict' });
    await engine.worker.runOnce();
    expect(await engines.job(bad)).toMatchObject({
      status: 'failed',
      error_code: 'invalid_payload',
      result: [{ pointer: '/bad', message: 'must not be' }],
    });
    expect(await engines.job(good)).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['undefined', undefined],
    ['a mebibyte of text with NULs', new Error(`\u0000${'x'.repeat(1_048_576)}\u0000`)],
    ['half a surrogate pair', new Error('\ud800')],
    ['an object', { toString: null }],
  ])('that throws %s leaves the worker at work', async (_name, thrown) => {
    const { engine } = engines.engine({
      handlers: {
        thrower: async () => {
          throw thrown; // eslint-disable-line no-throw-literal
        },
        after: async () => 'ok',
      },
    });
    const id = await engines.enqueue({ jobType: 'thrower', maxRetries: 0 });
    const after = await engines.enqueue({ jobType: 'after' });
    await engine.worker.runOnce();
    const job = await engines.job(id);
    expect(job.status).toBe('failed');
    expect((job.error_message as string).length).toBeLessThanOrEqual(10_000);
    expect(await engines.job(after)).toMatchObject({ status: 'completed' });
  });

  it('whose result cannot be stored fails alone among its neighbours', async () => {
    const deep: unknown[] = [];
    let inner = deep;
    for (let i = 0; i < 5_000; i++) inner.push((inner = []));
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const results: Record<string, unknown> = {
      fine: 1,
      circle,
      big: 'x'.repeat(1_100_000),
      nul: 'a\u0000b',
      bigint: 1n,
      deep,
      last: 2,
    };
    const { engine } = engines.engine({
      handlers: { result: async (payload) => results[(payload as { kind: string }).kind] },
    });
    const ids: Record<string, string> = {};
    for (const kind of Object.keys(results))
      ids[kind] = await engines.enqueue({ jobType: 'result', payload: { kind } });
    await engine.worker.runOnce();
    for (const kind of ['fine', 'nul', 'last'])
      expect(await engines.job(ids[kind]!)).toMatchObject({ status: 'completed' });
    for (const kind of ['circle', 'big', 'bigint'])
      expect(await engines.job(ids[kind]!)).toMatchObject({ status: 'failed', error_code: 'result_rejected' });
    expect((await engines.job(ids.nul!)).result).toBe('ab');
    expect((await engines.job(ids.deep!)).status).not.toBe('processing');
  });

  it('is failed with result_rejected when PostgreSQL will not take it, while its batch is accepted', async () => {
    await engines.db.owner.query(
      `alter table background_jobs add constraint no_poison check (result is null or result <> '"poison"')`,
    );
    const { engine } = engines.engine({ handlers: { result: async (payload) => (payload as { give: string }).give } });
    const ids: string[] = [];
    for (const give of ['a', 'b', 'poison', 'c', 'd'])
      ids.push(await engines.enqueue({ jobType: 'result', payload: { give } }));
    await engine.worker.runOnce();
    const ended = await Promise.all(ids.map((id) => engines.job(id)));
    expect(ended.map(({ status }) => status)).toEqual(['completed', 'completed', 'failed', 'completed', 'completed']);
    expect(ended[2]).toMatchObject({
      error_code: 'result_rejected',
      error_message: expect.stringContaining('no_poison'),
    });
    await engines.db.owner.query(`alter table background_jobs drop constraint no_poison`);
  });

  it('that takes too long has its signal fired, and counts as an attempt', async () => {
    const reasons: unknown[] = [];
    const { engine } = engines.engine({
      handlers: {
        slow: async (_payload, ctx) =>
          new Promise((_resolve, reject) => {
            ctx.signal.addEventListener('abort', () => {
              reasons.push((ctx.signal.reason as RunStopped).kind);
              reject(ctx.signal.reason as Error);
            });
          }),
      },
    });
    const id = await engines.enqueue({ jobType: 'slow', timeoutSeconds: 1, maxRetries: 0 });
    await engine.worker.runOnce();
    expect(reasons).toEqual(['timeout']);
    expect(await engines.job(id)).toMatchObject({ status: 'failed', error_code: 'timed_out' });
    expect(await engines.attempts(id)).toMatchObject([{ outcome: 'timed_out' }]);
  });

  it('that ignores its time limit is left behind, and its retry does not start beside it here', async () => {
    const letGo = signal();
    let atOnce = 0;
    let most = 0;
    await engines.start({
      abandonAfterMs: 50,
      handlers: {
        deaf: async (_payload, ctx) => {
          most = Math.max(most, ++atOnce);
          if (ctx.attempt === 1) await letGo.promise;
          atOnce--;
          return ctx.attempt;
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'deaf', timeoutSeconds: 1, backoff: { base: 1, cap: 1 } });
    await eventually(
      async () => (await engines.attempts(id)).length === 1,
      () => 'the first attempt to time out',
    );
    await eventually(
      () => engines.rows(`select from job_later where job_id = $1`, [id]).then((r) => r.length === 1),
      () => 'its retry to be put off',
    );
    letGo.give();
    await engines.until(id, 'completed', 15_000);
    expect(most).toBe(1);
    expect(await engines.job(id)).toMatchObject({ result: 2, retry_count: 1 });
  });

  it('of a type that nobody here handles is left to others, no attempt burnt', async () => {
    const { engine } = engines.engine({ handlers: {} });
    const id = await engines.enqueue({ jobType: 'foreign' });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'queued', retry_count: 0 });
    expect(await engines.attempts(id)).toEqual([]);
    await engine.stop();
    const { engine: knowing } = engines.engine({ handlers: { foreign: async (_payload, ctx) => ctx.attempt } });
    await moveClock(engines.db.url, 60_000);
    await knowing.promoter.runOnce();
    await knowing.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'completed', result: 1 });
  });
});
