import { type RunStopped } from '@carillon/job-engine';
import { moveClock } from '../../support/movable-clock.js';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('a worker that is lost', () => {
  let engines: TestEngines;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.close());

  /** A worker in the middle of a job, as if frozen: it renews nothing until its loops run again. */
  async function frozen(jobType: string) {
    const begun = signal<AbortSignal>();
    const goOn = signal();
    const made = engines.engine({
      name: 'frozen',
      handlers: {
        [jobType]: async (_payload, ctx) => {
          begun.give(ctx.signal);
          await goOn.promise;
          return 'late';
        },
      },
    });
    const id = await engines.enqueue({ jobType });
    const running = made.engine.worker.runOnce();
    return { ...made, id, running, goOn, signal: await begun.promise };
  }

  it('has its job given to another once its lease has run out, and its late result refused', async () => {
    const lost = await frozen('precious');
    const { engine } = engines.engine({
      name: 'second',
      handlers: { precious: async (_payload, ctx) => `in time, run ${ctx.fencingToken}` },
    });
    await engine.rescuer.runOnce();
    expect(await engines.job(lost.id)).toMatchObject({ status: 'processing', worker: 'frozen' }); // the lease still holds
    await moveClock(engines.db.url, 60_000);
    await engine.rescuer.runOnce();
    expect(await engines.job(lost.id)).toMatchObject({
      status: 'queued',
      worker: null,
      worker_lost_count: 1,
      retry_count: 0,
    });
    await engine.worker.runOnce();
    lost.goOn.give();
    await lost.running;
    expect(lost.engine.worker.counters).toMatchObject({ accepted: 0, refused: 1 });
    expect(await engines.job(lost.id)).toMatchObject({ status: 'completed', result: 'in time, run 2' });
    expect(await engines.attempts(lost.id)).toMatchObject([
      { number: 1, outcome: 'worker_lost', worker: 'frozen', error_code: 'worker_lost' },
      { number: 2, outcome: 'completed', worker: 'second' },
    ]);
    expect(await engines.rows(`select from job_workers where name = 'frozen'`)).toEqual([]);
    expect(await engines.rows(`select from job_claims`)).toEqual([]);
  });

  it('hears of it from its signal when it comes back, and begins anew', async () => {
    const lost = await frozen('precious');
    await moveClock(engines.db.url, 60_000);
    const { engine } = engines.engine({ name: 'second', handlers: {} });
    await engine.rescuer.runOnce();
    await lost.engine.start();
    await eventually(
      () => lost.signal.aborted,
      () => 'the signal to fire',
    );
    expect((lost.signal.reason as RunStopped).kind).toBe('lease_lost');
    lost.goOn.give();
    await eventually(
      async () => (await engines.rows(`select from job_workers where name = 'frozen'`)).length === 1,
      () => 'a new lease',
    );
    expect(lost.engine.worker.counters.leasesLost).toBe(1);
  });

  it('is not rescued while it renews its lease, however long the job takes', async () => {
    const letGo = signal();
    await engines.start({ leaseMs: 600, handlers: { long: async () => letGo.promise } });
    const { engine } = engines.engine({ name: 'second', handlers: {} });
    const id = await engines.enqueue({ jobType: 'long' });
    await engines.until(id, 'processing');
    const until = Date.now() + 2_500;
    while (Date.now() < until) {
      await engine.rescuer.runOnce();
      expect(await engines.job(id)).toMatchObject({ status: 'processing' });
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
    letGo.give();
    await engines.until(id, 'completed');
    expect(await engines.attempts(id)).toHaveLength(1);
  });

  it('too often takes its job down: the fifth loss fails it, tells the hooks, and a retry by hand gives it a fresh count', async () => {
    await engines.db.owner.query(
      `create table told (job uuid, status text, code text); grant all on told to carillon_engine`,
    );
    const hooks = [
      {
        rowFor: (run: { jobId: string; status: string; errorCode: string | null }) => run,
        insert: async (tx: { query(text: string, values: unknown[]): Promise<unknown> }, rows: unknown[]) => {
          const text = `insert into told select r."jobId", r.status, r."errorCode" from jsonb_to_recordset($1) r ("jobId" uuid, status text, "errorCode" text)`;
          await tx.query(text, [JSON.stringify(rows)]);
        },
      },
    ];
    const id = await engines.enqueue({ jobType: 'poison' });
    for (let loss = 1; loss <= 5; loss++) {
      const { engine } = engines.engine({
        name: `victim-${loss}`,
        handlers: { poison: () => new Promise(() => {}) },
        abandonAfterMs: 1,
      });
      void engine.worker.runOnce();
      await engines.until(id, 'processing');
      await moveClock(engines.db.url, loss * 60_000);
      const { engine: rescuer } = engines.engine({ name: 'rescuer', hooks, handlers: {} });
      await rescuer.rescuer.runOnce();
    }
    expect(await engines.job(id)).toMatchObject({ status: 'failed', error_code: 'worker_lost', worker_lost_count: 5 });
    expect((await engines.attempts(id)).map(({ outcome }) => outcome)).toEqual(Array<string>(5).fill('worker_lost'));
    expect(await engines.rows(`select * from told`)).toEqual([{ job: id, status: 'failed', code: 'worker_lost' }]);
    expect(await engines.client.retry(engines.pool, id, { userId: null })).toBe('queued');
    expect(await engines.job(id)).toMatchObject({ status: 'queued', worker_lost_count: 0, error_code: null });
  });

  it('does not bring back a job that ended its run in the same claim, even if that job waits again', async () => {
    const letGo = signal();
    const handlers = {
      failing: async () => {
        throw new Error('once');
      },
      holding: async () => letGo.promise,
    };
    const { engine } = engines.engine({ name: 'lost', handlers });
    const failing = await engines.enqueue({ jobType: 'failing', backoff: { base: 1, cap: 1 } });
    const holding = await engines.enqueue({ jobType: 'holding' });
    const running = engine.worker.runOnce();
    await eventually(
      async () => (await engines.attempts(failing)).length === 1,
      () => 'the first attempt',
    );
    const [claim] = await engines.rows(`select jobs from job_claims`);
    expect(claim!.jobs).toEqual([failing, holding]); // both in one claim, which still stands
    expect(await engines.job(failing)).toMatchObject({ status: 'queued', worker: null });
    await moveClock(engines.db.url, 60_000);
    const { engine: second } = engines.engine({ name: 'second', handlers: {} });
    await second.rescuer.runOnce();
    expect(await engines.attempts(failing)).toHaveLength(1);
    expect(await engines.job(failing)).toMatchObject({ worker_lost_count: 0 });
    expect(await engines.attempts(holding)).toMatchObject([{ outcome: 'worker_lost' }]);
    letGo.give();
    await running;
  });

  it('does not hide the next: one whose rescue fails leaves the others to be rescued', async () => {
    const first = await frozen('first');
    const second = await frozen('second');
    const guard = `create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
      create trigger refuse before update on background_jobs for each row when (old.job_type = 'first') execute function refuse()`;
    await engines.db.owner.query(guard);
    await moveClock(engines.db.url, 60_000);
    const { engine } = engines.engine({ name: 'rescuer', handlers: {} });
    await engine.rescuer.runOnce();
    expect(await engines.job(first.id)).toMatchObject({ status: 'processing' });
    expect(await engines.job(second.id)).toMatchObject({ status: 'queued', worker_lost_count: 1 });
    await engines.db.owner.query(`drop trigger refuse on background_jobs`);
    await engine.rescuer.runOnce();
    expect(await engines.job(first.id)).toMatchObject({ status: 'queued', worker_lost_count: 1 });
    first.goOn.give();
    second.goOn.give();
    await Promise.all([first.running, second.running]);
  });

  it('is rescued even if a finish hook cannot write', async () => {
    const lost = await frozen('precious');
    await engines.rows(`update background_jobs set worker_lost_count = 4 where id = $1`, [lost.id]); // the next loss is its last
    await moveClock(engines.db.url, 60_000);
    const broken = { rowFor: () => 1, insert: () => Promise.reject(new Error('no such table')) };
    const { engine } = engines.engine({ hooks: [broken], handlers: {} });
    await engine.rescuer.runOnce();
    expect(await engines.job(lost.id)).toMatchObject({ status: 'failed', error_code: 'worker_lost' });
    lost.goOn.give();
    await lost.running;
  });

  it('is rescued once by many rescuers', async () => {
    const lost = await frozen('precious');
    await moveClock(engines.db.url, 60_000);
    const others = Array.from({ length: 4 }, () => engines.engine({ handlers: {} }).engine);
    await Promise.all(others.map((engine) => engine.rescuer.runOnce()));
    expect(await engines.job(lost.id)).toMatchObject({ worker_lost_count: 1 });
    expect(await engines.rows(`select from job_ready where job_id = $1`, [lost.id])).toHaveLength(1);
    lost.goOn.give();
    await lost.running;
  });

  it('reads back a claim whose answer never arrived', async () => {
    let cut = true;
    const pool = new Proxy(engines.pool, {
      get(target, key) {
        if (key !== 'query') return Reflect.get(target, key, target) as unknown;
        return async (text: { name?: string }, values?: unknown[]) => {
          const answer: unknown = await target.query(text as never, values as never);
          if (text.name !== 'carillon-claim-jobs' || !cut) return answer;
          cut = false;
          throw new Error('Connection terminated unexpectedly');
        };
      },
    });
    const id = await engines.enqueue({ jobType: 'precious' });
    await engines.start({ pool, handlers: { precious: async () => 'ran' } });
    await engines.until(id, 'completed');
    expect(cut).toBe(false);
    expect(await engines.attempts(id)).toMatchObject([{ number: 1, outcome: 'completed' }]);
  });
});
