import { type RunStopped } from '@carillon/job-engine';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('a worker that is asked to stop', () => {
  let engines: TestEngines;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.close());

  it('lets running jobs end within the grace, and claims no more', async () => {
    const letGo = signal();
    const { engine } = await engines.start({ concurrency: 1, handlers: { held: async () => letGo.promise } });
    const first = await engines.enqueue({ jobType: 'held' });
    await engines.until(first, 'processing');
    const stopping = engine.stop();
    const second = await engines.enqueue({ jobType: 'held' });
    letGo.give();
    await stopping;
    expect(await engines.job(first)).toMatchObject({ status: 'completed' });
    expect(await engines.job(second)).toMatchObject({ status: 'queued' });
    expect(await engines.rows(`select from job_workers`)).toEqual([]);
    expect(await engines.rows(`select from job_claims`)).toEqual([]);
  });

  it('aborts what outlasts the grace and gives it back without burning an attempt; so it does with what has not started', async () => {
    const reasons: string[] = [];
    const handlers = {
      obedient: (_payload: unknown, ctx: { signal: AbortSignal; attempt: number }) =>
        new Promise((_resolve, reject) => {
          ctx.signal.addEventListener('abort', () => {
            reasons.push((ctx.signal.reason as RunStopped).kind);
            reject(new Error('cleaned up'));
          });
        }),
      deaf: () => new Promise(() => {}),
    };
    const { engine } = await engines.start({ concurrency: 2, graceMs: 100, handlers });
    const obedient = await engines.enqueue({ jobType: 'obedient' });
    const deaf = await engines.enqueue({ jobType: 'deaf' });
    await engines.until(obedient, 'processing');
    await engines.until(deaf, 'processing');
    await engine.stop();
    expect(reasons).toEqual(['shutdown']);
    for (const id of [obedient, deaf]) {
      expect(await engines.job(id)).toMatchObject({
        status: 'queued',
        retry_count: 0,
        worker_lost_count: 0,
        worker: null,
      });
      expect(await engines.attempts(id)).toEqual([]);
      expect(await engines.rows(`select from job_ready where job_id = $1`, [id])).toHaveLength(1);
      const [line] = await engines.rows(`select message from job_log_entries where job_id = $1`, [id]);
      expect(line).toEqual({ message: expect.stringMatching(/^given back by test-1, which shut down$/) });
    }
    const { engine: next } = engines.engine({
      handlers: { obedient: async (_payload, ctx) => ctx.attempt, deaf: async () => 1 },
    });
    await next.worker.runOnce();
    expect(await engines.job(obedient)).toMatchObject({ status: 'completed', result: 1 });
  });

  it('may be asked twice', async () => {
    const { engine, wakeups } = await engines.start({ handlers: {} });
    await Promise.all([engine.stop(), engine.stop()]);
    await engine.stop();
    await wakeups.stop();
    await wakeups.stop();
  });

  it('gives back what it claimed ahead and could not start in time', async () => {
    const letGo = signal();
    const handlers = { quick: async () => 1, slow: async () => letGo.promise };
    await engines.start({ name: 'greedy', concurrency: 2, handlers });
    // many quick ones let it claim ahead, then slow ones fill its slots
    await engines.client.enqueue(
      engines.pool,
      Array.from({ length: 400 }, () => ({ organizationId: engines.organizationId, jobType: 'quick' })),
    );
    const slow = await engines.client.enqueue(
      engines.pool,
      Array.from({ length: 40 }, () => ({ organizationId: engines.organizationId, jobType: 'slow' })),
    );
    await eventually(
      async () =>
        (await engines.rows(`select from background_job_view where status = 'processing' and job_type = 'slow'`))
          .length === 2,
      () => 'just two to be held',
      15_000,
    );
    letGo.give();
    for (const { id } of slow) await engines.until(id, 'completed');
    expect(await engines.rows(`select from job_attempts where number > 1`)).toEqual([]);
  });
});
