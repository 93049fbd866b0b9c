import { type EnqueueRequest, UniqueKeyHeld } from '@carillon/job-engine';
import { moveClock } from '../../support/movable-clock.js';
import { eventually, TestEngines } from './test-engines.js';

describe('unique keys', () => {
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
  const jobsWith = (uniqueKey: string) =>
    engines.rows(`select id, status, payload from background_jobs where unique_key = $1 order by id`, [uniqueKey]);

  it('are held once per organisation and type', async () => {
    const other = await engines.makeOrganization('other');
    const made = await Promise.all([
      ask({ uniqueKey: 'apart' }),
      ask({ uniqueKey: 'apart', jobType: 'other' }),
      ask({ uniqueKey: 'apart', organizationId: other }),
      ask({ uniqueKey: 'apart' }),
    ]);
    expect(made.map(({ reused }) => reused)).toEqual([false, false, false, true]);
    expect(made[3].id).toBe(made[0].id);
  });

  it('give fifty callers in two processes one job, and each its own answer', async () => {
    const { client } = engines.engine({ handlers: {} });
    const callers = Array.from({ length: 50 }, (_, i) => (i % 2 ? client : engines.client));
    const made = await Promise.all(
      callers.map((caller, i) => caller.enqueueGathered(request({ uniqueKey: 'storm', payload: { i } }))),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(made.filter(({ reused }) => !reused)).toHaveLength(1);
    expect(await jobsWith('storm')).toHaveLength(1);
  });

  it('with reject, refuse all callers but one and name the holder', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 20 }, () => ask({ uniqueKey: 'rejecting', onClash: 'reject' })),
    );
    const [holder] = await jobsWith('rejecting');
    const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as UniqueKeyHeld] : []));
    expect(refused).toHaveLength(19);
    for (const error of refused) {
      expect(error).toBeInstanceOf(UniqueKeyHeld);
      expect(error).toMatchObject({ jobId: holder!.id, message: expect.stringContaining('which is waiting') });
    }
  });

  it('do not let one caller’s refusal touch its neighbours', async () => {
    await ask({ uniqueKey: 'neighbour' });
    const [clash, fine, reused] = await Promise.allSettled([
      ask({ uniqueKey: 'neighbour', onClash: 'reject' }),
      ask({ uniqueKey: 'neighbour-2', onClash: 'reject' }),
      ask({ uniqueKey: 'neighbour' }),
    ]);
    expect([clash.status, fine.status, reused.status]).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  describe('with a window', () => {
    const window = { uniqueForSeconds: 60 };
    afterEach(() => moveClock(engines.db.url, 0));

    it('keep their key after the end until the window is over; then one of many gets it', async () => {
      const { engine } = engines.engine({ handlers: { sync: async () => undefined } });
      const first = await ask({ uniqueKey: 'w1', ...window });
      await engine.worker.runOnce();
      expect(await engines.job(first.id)).toMatchObject({ status: 'completed', active_key: 'w1' });
      expect((await ask({ uniqueKey: 'w1', ...window })).id).toBe(first.id);
      for (const onClash of ['reject', 'replace'] as const)
        await expect(ask({ uniqueKey: 'w1', onClash })).rejects.toThrow('has ended but keeps it for a while');
      await moveClock(engines.db.url, 61_000);
      const made = await Promise.all(Array.from({ length: 20 }, () => ask({ uniqueKey: 'w1', ...window })));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(made[0]!.id).not.toBe(first.id);
      expect(made.filter(({ reused }) => !reused)).toHaveLength(1);
    });

    it('keep it past the window while the job has not ended', async () => {
      const first = await ask({ uniqueKey: 'w2', ...window });
      await moveClock(engines.db.url, 61_000);
      expect((await ask({ uniqueKey: 'w2', ...window })).id).toBe(first.id);
    });
  });

  describe('case 11', () => {
    it('a unique job that retries does not clash with itself, by itself or by hand', async () => {
      let fails = true;
      const { engine } = engines.engine({
        handlers: {
          sync: async () => {
            if (fails) throw new Error('once more');
          },
        },
      });
      const backoff = { base: 600_000, cap: 600_000 };
      const { id } = await ask({ uniqueKey: 'c1', maxRetries: 1, backoff });
      await engine.worker.runOnce();
      expect(await engines.job(id)).toMatchObject({ status: 'queued', retry_count: 1, active_key: 'c1' });
      await moveClock(engines.db.url, 600_000);
      await engine.promoter.runOnce();
      await engine.worker.runOnce();
      await moveClock(engines.db.url, 0);
      expect(await engines.job(id)).toMatchObject({ status: 'failed', attempt_count: 2 });
      fails = false;
      expect(await engines.client.retry(engines.pool, id, { userId: null })).toBe('queued');
      await engine.worker.runOnce();
      expect(await engines.job(id)).toMatchObject({ status: 'completed', active_key: null });
    });

    it('a deleted job does not hold its key', async () => {
      const { id } = await ask({ uniqueKey: 'c2' });
      await engines.rows(`delete from background_jobs where id = $1`, [id]);
      expect((await ask({ uniqueKey: 'c2' })).reused).toBe(false);
    });

    it('two processes never both take a singleton', async () => {
      let atOnce = 0;
      let most = 0;
      let ran = 0;
      const handlers = {
        sync: async () => {
          most = Math.max(most, ++atOnce);
          await new Promise((resolve) => setTimeout(resolve, 2));
          atOnce--;
          ran++;
        },
      };
      const [one, two] = [await engines.start({ handlers }), await engines.start({ handlers })];
      let made = 0;
      await Promise.all(
        [one.client, two.client].map(async (client) => {
          for (let i = 0; i < 100; i++)
            if (!(await client.enqueueGathered(request({ uniqueKey: 'c3' }))).reused) made++;
        }),
      );
      await eventually(
        () => ran === made,
        () => `${made} to have run, ${ran} did`,
      );
      expect(most).toBe(1);
    });
  });
});
