/** Workers that are killed, frozen or merely slow: who runs their jobs next, and who may say how they ended (cases 1–5). */
import { nameOf, patienceMs, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(2 * patienceMs);

const leaseMs = 1_000;
/** The rescuer looks three times a lease, with up to a fifth of jitter. */
const tickMs = (leaseMs / 3) * 1.2;
/** What a busy machine may add before it counts as late. */
const slackMs = 20_000;

describe('workers as processes', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
  });
  afterEach(() => fleet.close());

  it('case 1: a job whose worker is killed is run again within lease and tick, and its history says that the worker was lost', async () => {
    const first = await fleet.start({ leaseMs });
    const id = await fleet.enqueueOne({ jobType: 'held' });
    await first.output(/began run 1/);
    const second = await fleet.start({ leaseMs });
    await fleet.kill(first);
    const { now: killedAt } = await fleet.row(`select clock_timestamp() now`);
    await second.output(/began run 2/);
    second.kill('SIGUSR2');
    await fleet.untilStatus(id, 'completed');
    expect(await fleet.attempts(id)).toEqual([
      { number: 1, outcome: 'worker_lost', worker: nameOf(first) },
      { number: 2, outcome: 'completed', worker: nameOf(second) },
    ]);
    expect(
      await fleet.row(`select retry_count, worker_lost_count, result from background_jobs where id = $1`, [id]),
    ).toEqual({ retry_count: 0, worker_lost_count: 1, result: second.pid });
    const { after } = await fleet.row(
      `select (extract(epoch from started_at - $2::timestamptz) * 1000)::float8 after from job_attempts where job_id = $1 and number = 2`,
      [id, killedAt],
    );
    expect(after).toBeGreaterThan(leaseMs - tickMs - 100); // renewed that long before its death at the most
    expect(after).toBeLessThan(leaseMs + tickMs + slackMs);
  });

  it('case 2: a worker frozen past its lease and continued has its late result refused and its signals fired', async () => {
    const first = await fleet.start({ leaseMs });
    const watched = await fleet.enqueueOne({ jobType: 'held' });
    await first.output(/began run 1/);
    const freezing = await fleet.enqueueOne({ jobType: 'freezes' }); // its result is on the way as soon as its process goes on
    await first.output(/freezing/);
    const second = await fleet.start({ leaseMs });
    await second.output(/began run 2/);
    await fleet.untilStatus(freezing, 'completed');
    first.kill('SIGCONT');
    await first.output(new RegExp(`a late result of job ${freezing} was refused`));
    await first.output(/signal lease_lost in run 1/);
    first.kill('SIGUSR2'); // the handler ends at last: nobody wants to know
    await first.output(/has lost its lease/);
    second.kill('SIGUSR2');
    await fleet.untilStatus(watched, 'completed');
    for (const id of [watched, freezing]) {
      expect(await fleet.attempts(id)).toEqual([
        { number: 1, outcome: 'worker_lost', worker: nameOf(first) },
        { number: 2, outcome: 'completed', worker: nameOf(second) },
      ]);
      expect(await fleet.job(id)).toMatchObject({ result: second.pid });
    }
  });

  it('case 2: the frozen worker begins anew with a lease of its own', async () => {
    const worker = await fleet.start({ leaseMs });
    await fleet.start({ leaseMs });
    worker.kill('SIGSTOP');
    const holds = async () =>
      (await fleet.rows(`select from job_workers where name = $1`, [nameOf(worker)])).length === 1;
    await fleet.until('its lease to be taken away', async () => !(await holds()));
    worker.kill('SIGCONT');
    await fleet.until('it to have a lease again', holds);
    worker.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it('case 3: a long job with a live heartbeat is never rescued, however old it is', async () => {
    const steady = await fleet.start({ leaseMs: 3_000 });
    const long = await fleet.enqueueOne({ jobType: 'held' });
    await steady.output(/began run 1/);
    await fleet.rows(`update job_claims set claimed_at = claimed_at - interval '3 days'`);
    const leaseEnd = async () =>
      String((await fleet.row(`select lease_expires_at t from job_workers where name = $1`, [nameOf(steady)])).t);
    const seen = new Set<string>();
    await fleet.start({ leaseMs });
    // whoever rescued the victim looked at all leases
    for (const victim of [await fleet.start({ leaseMs }), await fleet.start({ leaseMs })]) {
      await fleet.kill(victim);
      await fleet.until('the rescue of the victim', async () => {
        seen.add(await leaseEnd());
        return (await fleet.rows(`select from job_workers where name = $1`, [nameOf(victim)])).length === 0;
      });
    }
    await fleet.until('four renewals of the lease', async () => seen.add(await leaseEnd()).size > 4);
    expect(await fleet.job(long)).toMatchObject({ status: 'processing', worker: nameOf(steady), run: 0 });
    steady.kill('SIGUSR2');
    await fleet.untilStatus(long, 'completed');
    expect(await fleet.attempts(long)).toEqual([{ number: 1, outcome: 'completed', worker: nameOf(steady) }]);
  });

  it('case 4: a job that kills its worker at each attempt fails at the last, and leaves nothing locked', async () => {
    const id = await fleet.enqueueOne({ jobType: 'crashes', uniqueKey: 'poison', maxRetries: 0 });
    const victims = await Promise.all([1, 2, 3, 4, 5].map(() => fleet.start({ leaseMs })));
    await Promise.all(victims.map((victim) => victim.ended));
    const survivor = await fleet.start({ leaseMs });
    const failed = await fleet.untilStatus(id, 'failed');
    expect(failed).toMatchObject({ error_code: 'worker_lost', worker_lost_count: 5, active_key: null });
    expect((await fleet.attempts(id)).map(({ outcome }) => outcome)).toEqual(Array<string>(5).fill('worker_lost'));
    const again = await fleet.enqueueOne({ jobType: 'work', uniqueKey: 'poison' });
    await fleet.untilStatus(again, 'completed');
    await fleet.untilAllEnded();
    expect(await fleet.rows(`select name from job_workers`)).toEqual([{ name: nameOf(survivor) }]);
  });

  it.each([
    [
      'organisation',
      `insert into queue_shares (queue, org, max_running) select q.number, o.number, 1 from queues q, organizations o
        where q.name = 'default' and o.id = $1`,
    ],
    ['type', `insert into job_type_controls (job_type, max_running) select 'held', 1 where $1::uuid is not null`],
  ])(
    'case 4: a killed worker’s slot of its %s’s limit is free once it is rescued, and not before',
    async (_of, limit) => {
      const first = await fleet.start({ leaseMs });
      await fleet.untilStatus(await fleet.enqueueOne({ jobType: 'work' }), 'completed'); // makes the queue
      await fleet.rows(limit, [fleet.organizationId]);
      const [one, two] = await fleet.enqueue({ jobType: 'held' }, { jobType: 'held' });
      await first.output(/began run 1/);
      const second = await fleet.start({ leaseMs });
      await fleet.kill(first);
      await second.output(/began run/);
      const running = await fleet.rows(`select id from background_job_view where status = 'processing'`);
      expect(running).toHaveLength(1); // the one slot, again
      await fleet.letGo(one!, two!);
      const lost = `select sum(worker_lost_count)::int lost from background_jobs`;
      expect(await fleet.row(lost)).toEqual({ lost: 1 });
      await fleet.untilAllEnded();
      expect(await fleet.rows(`select from job_slots`)).toEqual([]);
    },
  );

  it('case 5: a batch of rows that cannot be rescued hides neither later ones nor their neighbours', async () => {
    await fleet.rows(
      `create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; end $$;
       create trigger refuse before update on background_jobs for each row when ('stuck' = any (old.tags)) execute function refuse()`,
    );
    const stuck: string[] = [];
    const fine: string[] = [];
    for (let i = 0; i < 3; i++) {
      const victim = await fleet.start({ leaseMs: 4_000 });
      const [first, neighbour, last] = await fleet.enqueue(
        { jobType: 'held', tags: ['stuck'] },
        { jobType: 'held' },
        { jobType: 'held', tags: ['stuck'] },
      );
      for (const id of [first!, neighbour!, last!]) await fleet.untilRunBy(id, victim);
      await fleet.kill(victim);
      stuck.push(first!, last!);
      fine.push(neighbour!);
    }
    const survivor = await fleet.start({ leaseMs });
    for (const id of fine) await fleet.untilRunBy(id, survivor);
    await fleet.rows(`drop trigger refuse on background_jobs`);
    for (const id of stuck) await fleet.untilRunBy(id, survivor);
    await fleet.letGo(...stuck, ...fine);
    for (const id of [...stuck, ...fine]) expect(await fleet.job(id)).toMatchObject({ worker_lost_count: 1 });
    await fleet.untilAllEnded();
  });

  it('gives its job back without burning an attempt and exits with 0 when it is asked to end', async () => {
    const first = await fleet.start({ leaseMs });
    const id = await fleet.enqueueOne({ jobType: 'held' });
    await first.output(/began run 1/);
    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(
      await fleet.row(`select status, run, attempt_count, retry_count from background_jobs where id = $1`, [id]),
    ).toEqual({ status: 'queued', run: 1, attempt_count: 0, retry_count: 0 });
    expect(await fleet.rows(`select from job_attempts`)).toEqual([]);
    expect(await fleet.rows(`select from job_workers`)).toEqual([]);
  });
});
