/** Workers killed again and again under load: nothing is lost, nothing is finished twice (case 9). */
import { full, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(full ? 1_200_000 : 300_000);

const jobs = full ? 100_000 : 20_000;
const setup = { leaseMs: 2_000, concurrency: 20, tells: true };

describe('a storm of kills', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
    await fleet.countEffects();
  });
  afterEach(() => fleet.close());

  const ended = async () =>
    Number((await fleet.row(`select count(*) n from background_jobs where status <> 'queued'`)).n);

  /** Kills one of `size` workers, oldest first, whenever another part of the work is done, and starts another in its place. */
  async function storm(size: number, count: number, kills: number): Promise<void> {
    await Promise.all(Array.from({ length: size }, () => fleet.start(setup)));
    const before = await ended();
    await fleet.enqueueMany(count, { jobType: 'work', payload: { ms: 5 } });
    for (let kill = 1; kill <= kills; kill++) {
      const enough = before + Math.floor((count * kill) / (kills + 1));
      await fleet.until(`${enough} jobs to have ended`, async () => (await ended()) >= enough, 300_000);
      await fleet.kill(fleet.workers.shift()!);
      await fleet.start(setup);
    }
    await fleet.untilAllEnded({ withinMs: 300_000 });
    await fleet.killAll();
  }

  it('case 9: two, then eight workers under a storm of kills lose no job and finish none twice', async () => {
    await storm(2, jobs * 0.4, full ? 20 : 6);
    await storm(8, jobs * 0.6, full ? 40 : 10);
    const states = await fleet.rows(`select status, error_code, count(*)::int from background_jobs group by 1, 2`);
    expect(states).toEqual([{ status: 'completed', error_code: null, count: jobs }]);
    const { finishes, finished } = await fleet.row(
      `select count(*)::int finishes, count(distinct job)::int finished from told`,
    );
    expect({ finishes, finished }).toEqual({ finishes: jobs, finished: jobs });
    // attempts are as many as ends of runs that count, numbered without a gap, and only the last of each job is a completion
    const wrong = await fleet.rows(
      `select id from background_jobs b join lateral (
         select count(*) attempts, count(*) filter (where outcome = 'completed') completed, max(number) last,
           count(*) filter (where outcome = 'worker_lost') lost from job_attempts where job_id = b.id) a on true
        where a.attempts <> b.attempt_count or a.last <> b.attempt_count or a.completed <> 1 or a.lost <> b.worker_lost_count
           or b.retry_count <> 0 limit 5`,
    );
    expect(wrong).toEqual([]);
    const { lost } = await fleet.row(`select count(*)::int lost from job_attempts where outcome = 'worker_lost'`);
    expect(lost).toBeGreaterThan(0);
  });
});
