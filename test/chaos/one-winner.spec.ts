/** Cancel, completion, rescue and retry by hand of one job, in every order of their statements (case 10). */
import { v7 as uuidv7 } from 'uuid';
import { decideEnd, FinishWriter } from '../../libs/job-engine/finisher.js';
import { cancelJob, readBackClaims, retryJob } from '../../libs/job-engine/job-store/index.js';
import { rescueLostWorkers } from '../../libs/job-engine/rescuer.js';
import { inTransaction } from '../../libs/job-engine/transaction.js';
import { full, patienceMs, WorkerFleet } from '../support/worker-fleet.js';
import { type Act, type Course, Interleaver, type IsStep } from './interleaving.js';

jest.setTimeout(full ? 3_600_000 : 3 * patienceMs);

const names = ['cancel', 'complete', 'rescue', 'retry'] as const;
type Name = (typeof names)[number];
const by = { userId: null };
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** What each of the four does to a job that runs for a worker whose lease has run out, one after another. */
interface Model {
  status: 'processing' | 'queued' | 'completed' | 'cancelled';
  cancelAsked: boolean;
}
const serially: Record<Name, (job: Model) => string> = {
  cancel(job) {
    if (job.status === 'processing') {
      job.cancelAsked = true;
      return 'cancel_requested';
    }
    if (job.status !== 'queued') return 'already_ended';
    job.status = 'cancelled';
    return 'cancelled';
  },
  complete(job) {
    if (job.status !== 'processing') return 'refused';
    job.status = 'completed';
    return 'accepted';
  },
  rescue(job) {
    if (job.status !== 'processing') return 'nothing to rescue';
    job.status = job.cancelAsked ? 'cancelled' : 'queued';
    return 'rescued';
  },
  retry(job) {
    if (job.status === 'processing' || job.status === 'queued') return 'not_ended';
    job.status = 'queued';
    return 'queued';
  },
};

/** The final state and everybody's result, for each order in which these might come one after another. */
function serialOutcomes(actors: readonly Name[]): Set<string> {
  const outcomes = new Set<string>();
  const visit = (left: readonly Name[], before: readonly Name[]): void => {
    if (left.length > 0) {
      for (const name of left)
        visit(
          left.filter((other) => other !== name),
          [...before, name],
        );
      return;
    }
    const job: Model = { status: 'processing', cancelAsked: false };
    const results: Record<string, string> = {};
    for (const name of before) results[name] = serially[name](job);
    outcomes.add(outcome(job.status, results));
  };
  visit(actors, []);
  return outcomes;
}
const outcome = (status: string, results: Record<string, string>) =>
  `${status}: ${Object.keys(results)
    .sort()
    .map((name) => `${name} ${results[name]}`)
    .join(', ')}`;

/** Every statement by itself; what opens a transaction or a savepoint goes along with what follows. */
const eachStatement: IsStep = (text) => !/^(begin|savepoint|release|rollback)/.test(text);
/** What takes locks, what writes under them, and the commit that lets the others see it. */
const lockWriteCommit: IsStep = (text, place) => place === 0 || text === 'carillon-finish-runs' || text === 'commit';

describe('one job, cancelled, completed, rescued and retried by hand at once', () => {
  let fleet: WorkerFleet;
  let jobId: string;
  beforeAll(async () => {
    fleet = await WorkerFleet.open();
    await fleet.enqueueOne({ jobType: 'work' }); // makes the queue
  });
  afterAll(() => fleet.close());

  /** A job that runs for a worker whose lease has run out, and what the four will do. `together`: its completion has a hook to serve. */
  async function prepare(together: boolean): Promise<Record<Name, Act>> {
    jobId = uuidv7();
    const worker = await fleet.row(
      `with old as (delete from job_claims), older as (delete from job_ready), dead as (delete from job_workers), job as (
         insert into background_jobs (id, organization_id, queue, job_type) values ($1, $2, 'default', 'work')),
       worker as (insert into job_workers (name, lease_expires_at) values ('lost', now() - interval '1 s') returning worker)
       insert into job_claims (worker, queue, claimed_at, jobs, orgs, runs)
         select worker, q.number, now(), array[$1::uuid], array[o.number], array[0] from worker, queues q, organizations o
          where q.name = 'default' and o.id = $2 returning worker`,
      [jobId, fleet.organizationId],
    );
    const number = worker.worker as number;
    const [job] = await readBackClaims(fleet.engine, number, []);
    const end = decideEnd(job!, { kind: 'returned', value: 1 }, new Date(), {
      resultJson: '1',
      startedAt: job!.claimedAt,
    });
    const hook = { rowFor: () => 1, insert: async () => undefined };
    const writer = (pool: ConstructorParameters<typeof FinishWriter>[0]['pool'], hooks = together ? [hook] : []) =>
      new FinishWriter({ pool, hooks, isInternal: () => false, gatesChanged: () => undefined, log });
    return {
      cancel: (sql) => inTransaction(sql, (tx) => cancelJob(tx, jobId, by)),
      complete: async (sql) =>
        (await writer(sql).write({ number, name: 'lost' }, [end], [])).has(jobId) ? 'refused' : 'accepted',
      rescue: async (sql) => {
        const rescued = await rescueLostWorkers({ pool: sql, writer: writer(sql, []), wake: () => undefined, log });
        return rescued === 1 ? 'rescued' : 'nothing to rescue';
      },
      retry: (sql) => inTransaction(sql, (tx) => retryJob(tx, jobId, by)),
    };
  }

  /** One history, one place to stand, and as many runs as were ended. */
  async function expectConsistent({ order, results }: Course): Promise<string> {
    const job = await fleet.row(
      `select b.status, b.run, b.attempt_count,
         (select count(*) from job_attempts where job_id = b.id)::int attempts,
         (select count(*) from (select job_id, run from job_ready union all select job_id, run from job_later
            union all select job_id, run from job_held) e where e.job_id = b.id and e.run = b.run)::int entries,
         (select count(*) from running_jobs() r where r.job_id = b.id and r.run = b.run)::int claims
       from background_jobs b where b.id = $1`,
      [jobId],
    );
    const ends = Object.values(results).filter((result) => result === 'accepted' || result === 'rescued').length;
    const moves = Object.values(results).filter((result) => result === 'cancelled' || result === 'queued').length;
    const running = job.claims === 1;
    expect({ order, results, job }).toMatchObject({
      job: {
        run: ends + moves,
        attempt_count: ends,
        attempts: ends,
        entries: job.status === 'queued' && !running ? 1 : 0,
        claims: ends === 0 ? 1 : 0,
      },
    });
    return outcome(running ? 'processing' : (job.status as string), results);
  }

  /** Walks through every interleaving, and compares what they came to with what the orders one after another come to. */
  async function walk(actors: readonly Name[], isStep: IsStep, together: boolean): Promise<number> {
    const interleaver = await Interleaver.open(fleet.db.url, Object.fromEntries(actors.map((name) => [name, isStep])));
    const allowed = serialOutcomes(actors);
    const seen = new Set<string>();
    try {
      const count = await interleaver.every(
        actors,
        () => prepare(together),
        async (course) => {
          const came = await expectConsistent(course);
          if (!allowed.has(came)) throw new Error(`${came}, after ${course.order.join(', ')}: no order makes that`);
          seen.add(came);
        },
      );
      expect(seen).toEqual(allowed);
      return count;
    } finally {
      await interleaver.close();
    }
  }

  const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b] as const));
  it.each(pairs)('case 10: every interleaving of the statements of %s and %s has one winner', async (...pair) => {
    expect(await walk(pair, eachStatement, true)).toBeGreaterThanOrEqual(2);
  });

  it('case 10: every interleaving of cancel, completion, rescue and retry by hand has one winner, and the losers get named results', async () => {
    const count = await walk(names, lockWriteCommit, full);
    expect(count).toBeGreaterThan(600);
  });
});
