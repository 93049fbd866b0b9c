import { v7 as uuidv7 } from 'uuid';
import { IdempotencyClash, InvalidQueueName } from '@carillon/job-engine';
import { moveClock } from '../../support/movable-clock.js';
import { TestEngines } from './test-engines.js';

describe('enqueue', () => {
  let engines: TestEngines;
  let other: string;
  beforeAll(async () => {
    engines = await TestEngines.open();
    other = await engines.makeOrganization('other');
  });
  afterEach(() => engines.stopAll());
  afterAll(() => engines.close());

  const seen = async (id: string) => ({
    job: (await engines.rows(`select id from background_jobs where id = $1`, [id])).length,
    ready: (await engines.rows(`select job_id from job_ready where job_id = $1`, [id])).length,
  });

  async function asApp<T>(
    organizationId: string,
    work: (tx: import('pg').PoolClient) => Promise<T>,
    end: 'commit' | 'rollback' = 'commit',
  ) {
    const tx = await engines.db.as('carillon_app').connect();
    try {
      await tx.query('begin');
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [organizationId]);
      const result = await work(tx);
      await tx.query(end);
      return result;
    } catch (error) {
      await tx.query('rollback');
      throw error;
    } finally {
      tx.release();
    }
  }

  describe.each(['carillon_app', 'carillon_engine'] as const)('inside a transaction of %s', (role) => {
    async function inTransaction(end: 'commit' | 'rollback'): Promise<string> {
      const request = { organizationId: engines.organizationId, jobType: 'noop' };
      if (role === 'carillon_app')
        return (await asApp(engines.organizationId, (tx) => engines.client.enqueue(tx, [request]), end))[0]!.id;
      const tx = await engines.pool.connect();
      await tx.query('begin');
      const [job] = await engines.client.enqueue(tx, [request]);
      expect(await seen(job!.id)).toEqual({ job: 0, ready: 0 }); // nobody sees it before the commit
      await tx.query(end);
      tx.release();
      return job!.id;
    }

    it('runs once committed', async () => {
      const { engine } = engines.engine({ handlers: { noop: async () => 'done' } });
      const id = await inTransaction('commit');
      await engine.worker.runOnce();
      expect(await engines.job(id)).toMatchObject({ status: 'completed' });
    });

    it('was never there once rolled back', async () => {
      expect(await seen(await inTransaction('rollback'))).toEqual({ job: 0, ready: 0 });
    });
  });

  it('is refused to carillon_app for another organisation, in both tables', async () => {
    const request = { organizationId: other, jobType: 'noop' };
    await expect(asApp(engines.organizationId, (tx) => engines.client.enqueue(tx, [request]))).rejects.toThrow(
      /row-level security|null value/,
    );
    const [foreign] = await engines.rows(`select number from organizations where id = $1`, [other]);
    const ready = `insert into job_ready (job_id, queue, org, rank, run) values ($1, 1, $2, 0, 0)`;
    await expect(asApp(engines.organizationId, (tx) => tx.query(ready, [uuidv7(), foreign!.number]))).rejects.toThrow(
      'row-level security',
    );
  });

  it('takes thousands in one statement, all or nothing', async () => {
    const good = Array.from({ length: 2_000 }, () => ({ organizationId: engines.organizationId, jobType: 'bulk' }));
    expect(await engines.client.enqueue(engines.pool, good)).toHaveLength(2_000);
    const bad = [...good, { organizationId: engines.organizationId, jobType: 'bulk', timeoutSeconds: -1 }];
    await expect(engines.client.enqueue(engines.pool, bad)).rejects.toThrow('background_jobs_timeout_positive');
    const [{ count }] = (await engines.rows(`select count(*)::int from background_jobs where job_type = 'bulk'`)) as [
      { count: number },
    ];
    expect(count).toBe(2_000);
    await engines.rows(`truncate job_ready`);
  });

  it('names a queue that cannot be one', async () => {
    await expect(engines.enqueue({ jobType: 'noop', queue: 'No Such Name' })).rejects.toThrow(InvalidQueueName);
  });

  describe('gathered', () => {
    const request = (more: object = {}) => ({ organizationId: engines.organizationId, jobType: 'noop', ...more });

    it('lets no row of one caller fail its neighbours', async () => {
      const circle: Record<string, unknown> = {};
      circle.self = circle;
      const settled = await Promise.allSettled([
        engines.client.enqueueGathered(request()),
        engines.client.enqueueGathered(request({ timeoutSeconds: -1 })),
        engines.client.enqueueGathered(request({ organizationId: uuidv7() })),
        engines.client.enqueueGathered(request({ payload: circle })),
        engines.client.enqueueGathered(request({ payload: { text: 'a\u0000b' } })),
        engines.client.enqueueGathered(request({ runAt: new Date(Number.NaN) })),
        engines.client.enqueueGathered(request()),
      ]);
      expect(settled.map(({ status }) => status)).toEqual([
        'fulfilled',
        ...Array<string>(5).fill('rejected'),
        'fulfilled',
      ]);
    });

    it('answers the same job for the same idempotency key and body, also to twins in one batch', async () => {
      const idempotency = { key: 'k1', bodyHash: 'a' };
      const made = await Promise.all([1, 2, 3].map(() => engines.client.enqueueGathered(request({ idempotency }))));
      const again = await engines.client.enqueueGathered(request({ idempotency }));
      expect(new Set([...made, again].map(({ id }) => id)).size).toBe(1);
      expect([...made, again].map(({ reused }) => reused)).toEqual([false, true, true, true]);
    });

    it('refuses the key for another body, and only that caller', async () => {
      await engines.client.enqueueGathered(request({ idempotency: { key: 'k2', bodyHash: 'a' } }));
      const [clash, fine] = await Promise.allSettled([
        engines.client.enqueueGathered(request({ idempotency: { key: 'k2', bodyHash: 'b' } })),
        engines.client.enqueueGathered(request({ idempotency: { key: 'k3', bodyHash: 'b' } })),
      ]);
      expect(clash).toMatchObject({ status: 'rejected', reason: expect.any(IdempotencyClash) });
      expect(fine).toMatchObject({ status: 'fulfilled' });
    });

    it('keeps keys of organisations apart', async () => {
      const idempotency = { key: 'shared', bodyHash: 'a' };
      const [one, two] = await Promise.all(
        [engines.organizationId, other].map((organizationId) =>
          engines.client.enqueueGathered(request({ organizationId, idempotency })),
        ),
      );
      expect(one!.id).not.toBe(two!.id);
    });

    it('forgets a key after 24 hours', async () => {
      const first = await engines.client.enqueueGathered(request({ idempotency: { key: 'old', bodyHash: 'a' } }));
      await moveClock(engines.db.url, 24 * 3_600_000 + 1_000);
      const second = await engines.client.enqueueGathered(request({ idempotency: { key: 'old', bodyHash: 'b' } }));
      await moveClock(engines.db.url, 0);
      expect(second.reused).toBe(false);
      expect(second.id).not.toBe(first.id);
    });

    it('does not make callers without a key wait for somebody’s open transaction', async () => {
      const idempotency = { key: 'held', bodyHash: 'a' };
      const tx = await engines.pool.connect();
      await tx.query('begin');
      await engines.client.enqueue(tx, [request({ idempotency })]);
      const waiting = engines.client.enqueueGathered(request({ idempotency }));
      await engines.client.enqueueGathered(request()); // returns although the other one waits
      await tx.query('commit');
      tx.release();
      expect((await waiting).reused).toBe(true);
    });
  });

  it('answers the job that holds the unique key until that has ended', async () => {
    const unique = { jobType: 'sync', uniqueKey: 'customer-7' };
    const first = await engines.enqueue(unique);
    expect(await engines.enqueue(unique)).toBe(first);
    const { engine } = engines.engine({ handlers: { sync: async () => undefined, noop: async () => undefined } });
    await engine.worker.runOnce();
    expect(await engines.enqueue(unique)).not.toBe(first);
  });
});
