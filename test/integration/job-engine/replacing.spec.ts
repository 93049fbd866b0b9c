import { v7 as uuidv7 } from 'uuid';
import { type EnqueueRequest, UniqueKeyHeld } from '@carillon/job-engine';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('unique keys with replace', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(async () => {
    await engines.stopAll();
    await engines.rows(`truncate job_ready, job_later, job_held`);
  });
  afterAll(() => engines.close());

  const request = (more: Partial<EnqueueRequest> = {}): EnqueueRequest => ({
    organizationId: engines.organizationId,
    jobType: 'sync',
    ...more,
  });
  const ask = (more: Partial<EnqueueRequest>) => engines.client.enqueueGathered(request(more));
  /** Where the job waits: table and run, void entries left out. */
  const places = (id: string) =>
    engines.rows(
      `select place, e.run from background_jobs b join (
         select 'ready' place, job_id, run from job_ready union all select 'later', job_id, run from job_later
         union all select 'held', job_id, run from job_held) e on e.job_id = b.id and e.run = b.run where b.id = $1`,
      [id],
    );
  const jobsWith = (uniqueKey: string) =>
    engines.rows(`select id, status, payload from background_jobs where unique_key = $1 order by id`, [uniqueKey]);

  it('hand the waiting job over: payload, priority, queue, time and the rest, and place it anew', async () => {
    const first = await ask({ uniqueKey: 'r1', payload: { v: 1 }, queue: 'slow', tags: ['a'] });
    const runAt = new Date('2100-01-01T00:00:00Z');
    const next = {
      payload: { v: 2 },
      queue: 'quick',
      priority: 5,
      tags: ['b'],
      maxRetries: 7,
      timeoutSeconds: 9,
      runAt,
    };
    const replaced = await ask({ uniqueKey: 'r1', onClash: 'replace', ...next, subject: { type: 'x', id: 'y' } });
    expect(replaced).toEqual({ id: first.id, queue: 'quick', reused: true, replaced: true });
    expect(await engines.job(first.id)).toMatchObject({
      payload: { v: 2 },
      queue: 'quick',
      priority: 5,
      tags: ['b'],
      max_retries: 7,
      timeout_seconds: 9,
      run_at: runAt,
      subject_type: 'x',
      status: 'queued',
      run: 1,
    });
    expect(await places(first.id)).toEqual([{ place: 'later', run: 1 }]);
    await ask({ uniqueKey: 'r1', onClash: 'replace', payload: { v: 3 } });
    expect(await places(first.id)).toEqual([{ place: 'ready', run: 2 }]);
    await ask({ uniqueKey: 'r1', onClash: 'replace', payload: { v: 4 }, runAt });
    await ask({ uniqueKey: 'r1', onClash: 'replace', payload: { v: 5 }, runAt: new Date('2099-01-01T00:00:00Z') });
    expect(await places(first.id)).toEqual([{ place: 'later', run: 4 }]);
    await ask({ uniqueKey: 'r1', onClash: 'replace', payload: { v: 6 }, concurrencyKey: 'k' });
    await ask({ uniqueKey: 'r1', onClash: 'replace', payload: { v: 7 }, concurrencyKey: 'l' });
    expect(await places(first.id)).toEqual([{ place: 'held', run: 6 }]);
  });

  it('run it once, with what was asked for last', async () => {
    const seen: unknown[] = [];
    for (const v of [1, 2, 3]) await ask({ uniqueKey: 'r2', onClash: 'replace', payload: { v } });
    const { engine } = engines.engine({ handlers: { sync: async (payload) => void seen.push(payload) } });
    while ((await places((await jobsWith('r2'))[0]!.id as string)).length > 0) await engine.worker.runOnce();
    expect(seen).toEqual([{ v: 3 }]);
    expect(await jobsWith('r2')).toMatchObject([{ status: 'completed', payload: { v: 3 } }]);
  });

  it('give the same time in the past a place of its own', async () => {
    const runAt = new Date('2020-01-01T00:00:00Z');
    const { id } = await ask({ uniqueKey: 'r3', runAt });
    for (let i = 0; i < 3; i++) await ask({ uniqueKey: 'r3', onClash: 'replace', runAt });
    expect(await places(id)).toEqual([{ place: 'ready', run: 3 }]);
  });

  it('take over one that waits for its retry, with a fresh budget', async () => {
    const { engine } = engines.engine({
      handlers: {
        sync: async () => {
          throw new Error('no');
        },
      },
    });
    const { id } = await ask({ uniqueKey: 'r4', payload: { v: 1 }, backoff: { base: 60_000, cap: 60_000 } });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ retry_count: 1, status: 'queued' });
    await ask({ uniqueKey: 'r4', onClash: 'replace', payload: { v: 2 } });
    expect(await engines.job(id)).toMatchObject({ retry_count: 0, next_retry_at: null, error_message: null });
    expect(await places(id)).toHaveLength(1);
    expect(await engines.attempts(id)).toHaveLength(1);
  });

  it('refuse while it runs', async () => {
    const going = signal();
    const ended = signal();
    await engines.start({
      handlers: {
        sync: async () => {
          going.give();
          await ended.promise;
        },
      },
    });
    const { id } = await ask({ uniqueKey: 'r5' });
    await going.promise;
    await expect(ask({ uniqueKey: 'r5', onClash: 'replace' })).rejects.toMatchObject({
      jobId: id,
      message: expect.stringContaining('which is running'),
    });
    ended.give();
    await engines.until(id, 'completed');
    expect((await ask({ uniqueKey: 'r5', onClash: 'replace' })).reused).toBe(false);
  });

  it('lose nothing under thirty callers: one job, with the payload of one of them', async () => {
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, v) => ask({ uniqueKey: 'r6', onClash: 'replace', payload: { v } })),
    );
    expect(made.filter(({ reused }) => !reused)).toHaveLength(1);
    expect(made.filter(({ replaced }) => replaced)).toHaveLength(29);
    const [job, ...others] = await jobsWith('r6');
    expect(others).toEqual([]);
    expect(await places(job!.id as string)).toEqual([{ place: 'ready', run: 29 }]);
  });

  it('fail the commit when a worker took the job before it, so that the old and the new never both run', async () => {
    const { id } = await ask({ uniqueKey: 'r7', payload: { v: 1 } });
    const going = signal();
    const ended = signal();
    const seen: unknown[] = [];
    const tx = await engines.pool.connect();
    try {
      await tx.query('begin');
      const [answer] = await engines.client.enqueue(tx, [
        request({ uniqueKey: 'r7', onClash: 'replace', payload: { v: 2 } }),
      ]);
      expect(answer).toMatchObject({ id, replaced: true });
      await engines.start({
        handlers: {
          sync: async (payload) => {
            seen.push(payload);
            going.give();
            await ended.promise;
          },
        },
      });
      await going.promise;
      await expect(tx.query('commit')).rejects.toMatchObject({ code: 'CJ002' });
    } finally {
      tx.release();
    }
    ended.give();
    expect(await engines.until(id, 'completed')).toMatchObject({ payload: { v: 1 }, run: 1 });
    expect(seen).toEqual([{ v: 1 }]);
  });

  it('never let old and new run together, whatever claims while they replace', async () => {
    let atOnce = 0;
    let most = 0;
    let ran = 0;
    const handlers = {
      sync: async () => {
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setTimeout(resolve, 1));
        atOnce--;
        ran++;
      },
    };
    await engines.start({ handlers });
    const { client } = await engines.start({ handlers });
    let made = 0;
    const caller = async (by: typeof client) => {
      for (let v = 0; v < 60; v++) {
        const answer = await by
          .enqueueGathered(request({ uniqueKey: 'r8', onClash: 'replace', payload: { v } }))
          .catch((error: unknown) => {
            if (!(error instanceof UniqueKeyHeld)) throw error;
          });
        if (answer && !answer.reused) made++;
      }
    };
    await Promise.all([caller(client), caller(engines.client), caller(client), caller(engines.client)]);
    await eventually(
      () => ran === made,
      () => `${made} jobs to have run, ${ran} did`,
    );
    expect(most).toBe(1);
    expect(await jobsWith('r8')).toHaveLength(made);
  });

  it('work as carillon_app, behind its walls', async () => {
    const { id } = await ask({ uniqueKey: 'r9', payload: { v: 1 } });
    const tx = await engines.db.as('carillon_app').connect();
    try {
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [engines.organizationId]);
      const again = request({ uniqueKey: 'r9', onClash: 'replace', payload: { v: 2 } });
      const [answer] = await engines.client.enqueue(tx, [again]);
      expect(answer).toMatchObject({ id, replaced: true });
      await tx.query('commit');
    } finally {
      tx.release();
    }
    expect(await engines.job(id)).toMatchObject({ payload: { v: 2 }, run: 1 });
    expect(await places(id)).toEqual([{ place: 'ready', run: 1 }]);
  });

  it('take no parents and no batch: those of the job stay', async () => {
    for (const more of [{ after: [uuidv7()] }, { batchId: uuidv7() }])
      await expect(ask({ uniqueKey: 'r10', onClash: 'replace', ...more })).rejects.toThrow(RangeError);
  });

  it('answer the first caller’s repetition by its idempotency key with the job, and change nothing', async () => {
    const idempotency = { key: 'first', bodyHash: 'a' };
    const first = await ask({ uniqueKey: 'r11', onClash: 'replace', payload: { v: 1 }, idempotency });
    await ask({
      uniqueKey: 'r11',
      onClash: 'replace',
      payload: { v: 2 },
      idempotency: { key: 'second', bodyHash: 'b' },
    });
    const again = await ask({ uniqueKey: 'r11', onClash: 'replace', payload: { v: 1 }, idempotency });
    expect(again).toEqual({ id: first.id, queue: 'default', reused: true });
    expect(await engines.job(first.id)).toMatchObject({ payload: { v: 2 } });
  });
});
