/** Clocks that are wrong, and times and numbers that are far off (cases 13 and 18). */
import { moveClock } from '../support/movable-clock.js';
import { createTestApp } from '../support/test-app.js';
import { nameOf, patienceMs, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(3 * patienceMs);

const twoHours = 7_200_000;
const secondsAt = (instant: string) => new Date(instant).getTime() - Date.now();

describe('clocks', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
  });
  afterEach(() => fleet.close());

  it('case 13: workers whose clocks are two hours ahead and behind rescue nobody, and run every job once and in time', async () => {
    const setup = { leaseMs: 10_000 };
    const workers = await Promise.all([
      fleet.start({ ...setup, clockShiftMs: twoHours }),
      fleet.start({ ...setup, clockShiftMs: -twoHours }),
      fleet.start(setup),
    ]);
    await Promise.all(workers.map((worker, i) => expectShift(worker.pid, [twoHours, -twoHours, 0][i]!)));
    const { now } = await fleet.row(`select clock_timestamp() now`);
    const runAt = new Date((now as Date).getTime() + 2_000);
    const delayed = await fleet.enqueue(...Array.from({ length: 60 }, () => ({ jobType: 'work', runAt })));
    const retried = await fleet.enqueue(
      ...Array.from({ length: 60 }, () => ({ jobType: 'failsOnce', backoff: { base: 500, cap: 1_000 } })),
    );
    await fleet.untilAllEnded();
    const early = `select count(*)::int n from job_attempts a join background_jobs b on b.id = a.job_id where b.id = any ($1)`;
    expect(await fleet.row(`${early} and a.started_at < b.run_at`, [delayed])).toEqual({ n: 0 });
    expect(await fleet.row(`${early} and outcome = 'completed'`, [delayed])).toEqual({ n: 60 });
    expect(await fleet.row(early, [delayed])).toEqual({ n: 60 });
    expect(await fleet.row(`${early} and outcome = 'completed'`, [retried])).toEqual({ n: 60 });
    expect(await fleet.row(early, [retried])).toEqual({ n: 120 });
    // all three have worked, and nothing of it is dated by their own clocks
    const dated = await fleet.row(
      `select count(distinct worker)::int workers, min(ended_at - started_at) >= '0' forward,
         max(abs(extract(epoch from ended_at - clock_timestamp()))) < 600 recent from job_attempts`,
    );
    expect(dated).toEqual({ workers: 3, forward: true, recent: true });
    expect(await fleet.row(`select sum(worker_lost_count)::int lost from background_jobs`)).toEqual({ lost: 0 });
  });

  /** Each says what its clock shows when it starts. */
  async function expectShift(pid: number, shift: number): Promise<void> {
    const worker = fleet.workers.find((each) => each.pid === pid)!;
    const shown = Number((await worker.output(/clock (\d+)/))[1]);
    expect(Math.abs(shown - Date.now() - shift)).toBeLessThan(patienceMs);
  }

  it('case 18: jobs run over the end of 32-bit time in 2038, and one of the year 2100 waits for its time', async () => {
    await moveClock(fleet.db.url, secondsAt('2038-01-19T03:14:00Z')); // 8 s before
    const worker = await fleet.start({ leaseMs: 3_000 });
    const far = await fleet.enqueueOne({ jobType: 'work', runAt: new Date('2100-06-01T12:00:00Z') });
    const after = await fleet.enqueueOne({ jobType: 'work', runAt: new Date('2038-01-19T03:14:10Z') });
    const retried = await fleet.enqueueOne({ jobType: 'failsOnce', backoff: { base: 1, cap: 1 } });
    await fleet.untilStatus(retried, 'completed');
    await fleet.untilStatus(after, 'completed');
    const { late } = await fleet.row(
      `select started_at >= '2038-01-19T03:14:10Z' late from job_attempts where job_id = $1`,
      [after],
    );
    expect(late).toBe(true);
    expect(await fleet.attempts(after)).toEqual([{ number: 1, outcome: 'completed', worker: nameOf(worker) }]);
    expect(await fleet.job(far)).toMatchObject({ status: 'queued', run: 0, run_at: new Date('2100-06-01T12:00:00Z') });
    await fleet.kill(worker);
    await moveClock(fleet.db.url, secondsAt('2100-06-01T12:00:00Z'));
    await fleet.start({ leaseMs: 3_000 });
    await fleet.untilStatus(far, 'completed');
  });

  it('case 18: log entries and claims whose ids have passed 2³¹ are written, and read over the API in their order', async () => {
    for (const [table, column] of [
      ['job_log_entries', 'id'],
      ['job_claims', 'claim_id'],
    ])
      await fleet.rows(`select setval(pg_get_serial_sequence('${table}', '${column}'), 2147483640)`);
    const app = await createTestApp({ database: fleet.db });
    try {
      await fleet.start();
      const ids = [];
      for (let job = 0; job < 12; job++) {
        const [made] = await fleet.enqueue({
          jobType: 'logs',
          payload: { lines: 3 },
          organizationId: app.organizations.A,
        });
        ids.push(made!);
        await fleet.untilStatus(made!, 'completed');
      }
      const { least, most, claims } = await fleet.row(
        `select min(id) least, max(id) most, (select last_value from job_claims_claim_id_seq) claims from job_log_entries`,
      );
      expect([Number(least) < 2 ** 31, Number(most) > 2 ** 31, Number(claims) > 2 ** 31]).toEqual([true, true, true]);
      for (const id of ids) {
        const { body } = await app.as('OrgAdmin').request('GET', `/job-logs/${id}`);
        expect(body).toMatchObject({ id, status: 'completed' });
        expect(body.log.map(({ message }: { message: string }) => message)).toEqual(['line 1', 'line 2', 'line 3']);
      }
    } finally {
      await app.close();
    }
  });
});
