import type pg from 'pg';
import type { JobEngine } from '@carillon/job-engine';
import { openPool } from '../../../src/platform/database/index.js';
import { givenUpAfter } from '../../../libs/job-engine/deadline.js';
import { eventually, signal, TestEngines } from './test-engines.js';

describe('a database that falls silent without closing a connection', () => {
  let engines: TestEngines;
  beforeEach(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.close());

  type Query = (text: never, values: never) => Promise<unknown>;

  /** The pool, but for what `instead` does with a statement, given its name or, where it has none, its text. */
  function poolWith(instead: (statement: string, run: () => Promise<unknown>) => Promise<unknown>): pg.Pool {
    const query = (text: string | { name?: string; text: string }, values?: unknown[]) =>
      instead(typeof text === 'string' ? text : (text.name ?? text.text), () =>
        (engines.pool.query as Query).call(engines.pool, text as never, values as never),
      );
    return new Proxy(engines.pool, {
      get: (target, key) => (key === 'query' ? query : (Reflect.get(target, key, target) as unknown)),
    });
  }

  it('costs a worker its lease; the next session works although a claim of the old one still hangs', async () => {
    const hung: string[] = [];
    const leasesLost = () => engine?.worker.counters.leasesLost ?? 0;
    const pool = poolWith((statement, run) => {
      const hangs =
        (statement === 'carillon-claim-jobs' && !hung.includes(statement)) ||
        (statement === 'carillon-renew-lease' && leasesLost() === 0);
      if (!hangs) return run();
      hung.push(statement);
      return new Promise(() => {});
    });
    let engine: JobEngine | undefined;
    ({ engine } = await engines.start({ pool, leaseMs: 600, handlers: { some: async () => 'ran' } }));
    const id = await engines.enqueue({ jobType: 'some' });
    expect(await engines.until(id, 'completed')).toMatchObject({ result: 'ran' });
    expect(hung).toContain('carillon-claim-jobs');
    expect(leasesLost()).toBe(1);
  });

  it('may run a claim long after it was given up: its jobs are found and run', async () => {
    let late: (() => Promise<unknown>) | undefined;
    let arrived = false;
    let readBack = false;
    const pool = poolWith(async (statement, run) => {
      if (statement.includes('from job_claims c, unnest')) readBack = true;
      if (statement !== 'carillon-claim-jobs' || arrived) return run();
      if (late) return { rows: [] }; // so that only the late one can take the job
      late = run;
      throw new Error('Query read timeout');
    });
    const id = await engines.enqueue({ jobType: 'some' });
    const { engine } = await engines.start({ pool, leaseMs: 900, handlers: { some: async () => 'ran' } });
    await eventually(
      () => readBack,
      () => 'claims to be read back in vain',
    );
    await late!();
    arrived = true;
    expect(await engines.until(id, 'completed')).toMatchObject({ result: 'ran' });
    expect(engine.worker.counters.leasesLost).toBe(0);
  });

  it('may crash and undo a claim: the worker claims its jobs again, and they go on', async () => {
    const letGo = signal();
    let begun = 0;
    const handlers = {
      some: async () => {
        begun++;
        await letGo.promise;
        return 'ran';
      },
    };
    const ids = [await engines.enqueue({ jobType: 'some' }), await engines.enqueue({ jobType: 'some' })];
    const [ready] = await engines.rows(`select array_agg(r) entries from job_ready r`);
    const { engine } = await engines.start({ handlers });
    await eventually(
      () => begun === 2,
      () => 'both to run',
    );
    await engines.rows(
      `with undone as (delete from job_claims) insert into job_ready select (unnest($1::job_ready[])).*`,
      [ready!.entries],
    );
    await eventually(
      async () => (await engines.rows(`select from job_claims`)).length === 1,
      () => 'the jobs to be claimed again',
    );
    letGo.give();
    for (const id of ids)
      expect(await engines.until(id, 'completed')).toMatchObject({ result: 'ran', attempt_count: 1 });
    expect(begun).toBe(2);
    expect(engine.worker.counters).toMatchObject({ refused: 0, leasesLost: 0 });
    await engine.stop();
    expect(await engines.rows(`select from job_claims`)).toEqual([]);
  });

  it('has a statement given up in time, and its connection closed instead of used again', async () => {
    const pool = openPool({ url: engines.db.url }, 'carillon_engine', 1, () => undefined);
    const hasty = givenUpAfter(100, pool);
    const [before] = (await hasty.query<{ pid: number }>('select pg_backend_pid() pid')).rows;
    await expect(hasty.query('select pg_sleep(30)')).rejects.toThrow('timeout');
    const [after] = (await hasty.query<{ pid: number }>('select pg_backend_pid() pid')).rows;
    expect(after!.pid).not.toBe(before!.pid);
    const client = await hasty.connect();
    await expect(client.query({ text: 'select pg_sleep($1)', values: [30] })).rejects.toThrow('timeout');
    client.release(true);
    await pool.end();
  });
});
