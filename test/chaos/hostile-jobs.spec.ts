/** Jobs that would bring a worker down, and jobs that must not run, or not beside each other (cases 6, 11, 12, 15). */
import { nameOf, patienceMs, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(2 * patienceMs);

describe('a worker', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
  });
  afterEach(() => fleet.close());

  it('case 6: goes on after an undecodable payload, a job deleted mid-run, a thrown undefined and an error text of 1 MiB', async () => {
    const worker = await fleet.start();
    const deleted = await fleet.enqueueOne({ jobType: 'held' });
    await worker.output(/began run 1/);
    await fleet.rows(`delete from background_jobs where id = $1`, [deleted]);
    await worker.output(/signal lease_lost in run 1/);
    const [undecodable, scalar, nothing, mebibyte] = await fleet.enqueue(
      { jobType: 'strict', payload: { bad: true } },
      { jobType: 'strict', payload: null },
      { jobType: 'throwsUndefined', maxRetries: 0 },
      { jobType: 'throwsMebibyte', maxRetries: 0 },
    );
    expect(await fleet.untilStatus(undecodable!, 'failed')).toMatchObject({ error_code: 'invalid_payload' });
    expect(await fleet.untilStatus(nothing!, 'failed')).toMatchObject({ error_code: 'thrown' });
    const { error_message: message } = await fleet.untilStatus(mebibyte!, 'failed');
    expect((message as string).length).toBeLessThanOrEqual(10_000);
    await fleet.until(
      'the payload that is no object to end',
      async () => (await fleet.job(scalar!)).status !== 'processing',
    );
    worker.kill('SIGUSR2');
    const after = await fleet.enqueueOne({ jobType: 'work' });
    expect(await fleet.untilStatus(after, 'completed')).toMatchObject({ result: worker.pid });
    expect(await fleet.attempts(after)).toEqual([{ number: 1, outcome: 'completed', worker: nameOf(worker) }]);
    worker.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it('case 11: a unique job that retries does not clash with itself, and an orphan does not hold its key for ever', async () => {
    const unique = { jobType: 'failsOnce', uniqueKey: 'nightly', backoff: { base: 1, cap: 1 } };
    const first = await fleet.start({ leaseMs: 1_000 });
    const retried = await fleet.enqueueOne(unique);
    expect(await fleet.untilStatus(retried, 'completed')).toMatchObject({ attempt_count: 2 });
    const orphan = await fleet.enqueueOne({ ...unique, jobType: 'held' });
    await fleet.untilRunBy(orphan, first);
    await fleet.kill(first);
    expect(await fleet.enqueueOne({ ...unique, jobType: 'held' })).toBe(orphan); // still its own, until somebody has run it
    const second = await fleet.start({ leaseMs: 1_000 });
    await fleet.untilRunBy(orphan, second);
    await fleet.letGo(orphan);
    const next = await fleet.enqueueOne({ ...unique, jobType: 'held' });
    expect(next).not.toBe(orphan);
    await fleet.rows(`delete from background_jobs where id = $1`, [next]);
    expect(await fleet.enqueueOne({ ...unique, jobType: 'held' })).not.toBe(next);
  });

  it('case 11: many who enqueue one unique job at once make one', async () => {
    await Promise.all([fleet.start(), fleet.start()]);
    const made: string[] = [];
    for (let round = 0; round < 5; round++) {
      const requests = Array.from({ length: 20 }, () =>
        fleet.client.enqueueGathered({
          organizationId: fleet.organizationId,
          jobType: 'held',
          uniqueKey: `singleton-${round}`,
        }),
      );
      const together = Array.from({ length: 20 }, () =>
        fleet.enqueueOne({ jobType: 'held', uniqueKey: `singleton-${round}` }),
      );
      const ids = new Set([...(await Promise.all(requests)).map(({ id }) => id), ...(await Promise.all(together))]);
      expect(ids.size).toBe(1);
      made.push(...ids);
    }
    expect(await fleet.row(`select count(*)::int from background_jobs`)).toEqual({ count: 5 });
    await fleet.letGo(...made);
    expect(await fleet.row(`select count(*)::int from job_attempts`)).toEqual({ count: 5 });
  });

  it('case 11: two processes never both take a singleton, even when one of them is killed', async () => {
    await fleet.rows(`create table takes (id bigint generated always as identity, job uuid not null, process int not null,
      began_at timestamptz not null default clock_timestamp(), ended_at timestamptz)`);
    await fleet.rows(`grant select, insert, update on takes to carillon_engine`);
    const [victim] = await Promise.all([1, 2, 3].map(() => fleet.start({ leaseMs: 1_000 })));
    const singleton = { jobType: 'exclusive', payload: { ms: 10 }, concurrencyKey: 'one' };
    await fleet.enqueueMany(40, singleton);
    const taken = async () => Number((await fleet.row(`select count(*) n from takes`)).n);
    await fleet.until('ten turns', async () => (await taken()) >= 10);
    await fleet.kill(victim!);
    await fleet.untilAllEnded();
    const { overlapping } = await fleet.row(
      `select count(*)::int overlapping from takes a join takes b on a.id < b.id and b.began_at < a.ended_at and a.began_at < b.ended_at`,
    );
    expect(overlapping).toBe(0);
    // the victim may have ended its turn and not have said so: that job has two turns, one after the other
    expect(await fleet.row(`select count(distinct job)::int from takes where ended_at is not null`)).toEqual({
      count: 40,
    });
    const processes = await fleet.row(`select count(distinct process)::int n from takes`);
    expect(processes.n).toBeGreaterThan(1);
    expect(await fleet.rows(`select from job_slots`)).toEqual([]);
  });

  it('case 12: parents that end at once in several processes unblock their child once', async () => {
    await Promise.all([1, 2, 3].map(() => fleet.start({ concurrency: 4 })));
    for (let round = 1; round <= 3; round++) {
      const parents = await fleet.enqueue(...Array.from({ length: 9 }, () => ({ jobType: 'held' })));
      const child = await fleet.enqueueOne({ jobType: 'work', after: parents });
      const running = `select count(*)::int n, count(distinct worker)::int workers from background_job_view where status = 'processing'`;
      await fleet.until('the parents to run', async () => (await fleet.row(running)).n === 9);
      expect(await fleet.job(child)).toMatchObject({ status: 'queued', run: 0 });
      await fleet.letGo(...parents);
      expect(await fleet.untilStatus(child, 'completed')).toMatchObject({ run: 1, attempt_count: 1 });
      await fleet.untilAllEnded();
      expect(await fleet.row(`select count(*)::int from job_dependencies`)).toEqual({ count: 0 });
    }
  });

  it('case 15: an enqueue that is rolled back never runs', async () => {
    const worker = await fleet.start();
    const tx = await fleet.hold(fleet.engine);
    await tx.query('begin');
    const [never] = await fleet.client.enqueue(tx, [{ organizationId: fleet.organizationId, jobType: 'work' }]);
    fleet.client.wake();
    const during = await fleet.enqueueOne({ jobType: 'work' });
    await fleet.untilStatus(during, 'completed'); // the workers have looked while it was there, uncommitted
    await tx.query('rollback');
    const after = await fleet.enqueueOne({ jobType: 'work' });
    await fleet.untilStatus(after, 'completed');
    await fleet.untilAllEnded();
    expect(await fleet.job(never!.id)).toEqual({});
    expect(await fleet.rows(`select job_id from job_attempts order by ended_at`)).toEqual([
      { job_id: during },
      { job_id: after },
    ]);
    expect(worker.stdout()).not.toContain(never!.id);
  });

  it.each([
    [
      'queue',
      `update queues set paused_at = carillon_now() where name = 'default'`,
      `update queues set paused_at = null where name = 'default'`,
    ],
    [
      'organisation',
      `insert into organization_controls (org, paused_at) select number, carillon_now() from organizations where id = $1`,
      `update organization_controls set paused_at = null where org = (select number from organizations where id = $1)`,
    ],
    [
      'type',
      `insert into job_type_controls (job_type, paused_at) values ('failsWhenTold', carillon_now())`,
      `update job_type_controls set paused_at = null where job_type = 'failsWhenTold'`,
    ],
  ])('case 15: the pause of a %s holds retries and delayed jobs until it goes on', async (_what, pause, goOn) => {
    const worker = await fleet.start();
    const other = await fleet.makeOrganization('other');
    const of = (text: string) => (text.includes('$1') ? [fleet.organizationId] : []);
    const failing = { jobType: 'failsWhenTold', backoff: { base: 1, cap: 1 } };
    const delayed = await fleet.enqueueOne({ ...failing, runAt: new Date('2100-01-01T00:00:00Z') });
    const retried = await fleet.enqueueOne(failing);
    await worker.output(/about to fail/);
    await fleet.rows(pause, of(pause));
    worker.kill('SIGUSR2');
    await fleet.until('the first attempt to fail', async () => (await fleet.attempts(retried)).length === 1);
    await fleet.rows(`update background_jobs set run_at = carillon_now() where id = $1`, [delayed]); // its time has come
    await fleet.rows(`update job_later set due_at = carillon_now() where job_id = $1`, [delayed]);
    const later = `select from job_later where job_id = any ($1)`;
    await fleet.until('both to be due', async () => (await fleet.rows(later, [[retried, delayed]])).length === 0);
    // who looks for work finds that of others, and passes these by
    for (let look = 0; look < 3; look++) {
      const passing = await fleet.enqueueOne({ jobType: 'work', organizationId: other, queue: 'elsewhere' });
      await fleet.untilStatus(passing, 'completed');
    }
    expect(await fleet.job(delayed)).toMatchObject({ status: 'queued', run: 0 });
    expect(await fleet.job(retried)).toMatchObject({ status: 'queued', run: 1 });
    await fleet.rows(goOn, of(goOn));
    await fleet.letGo(retried, delayed);
    for (const id of [retried, delayed]) expect(await fleet.job(id)).toMatchObject({ attempt_count: 2 });
  });
});
