/** How a worker gets jobs: the claim, and what it reads back when a claim's answer was lost on the way. */
import type { Backoff, Sql } from '../ports.js';

/** A job in the hands of a worker. */
export interface ClaimedJob {
  id: string;
  organizationId: string;
  queue: string;
  jobType: string;
  payload: unknown;
  retryCount: number;
  maxRetries: number;
  backoff: Backoff | null;
  timeoutSeconds: number | null;
  attemptCount: number;
  workerLostCount: number;
  run: number;
  subjectType: string | null;
  subjectId: string | null;
  createdBy: string | null;
  traceParent: string | null;
  cancelRequested: boolean;
  /** How long it had been due when it was claimed; null where nobody knows any more. */
  waitedMs: number | null;
  /** Holds slots of limits, which its end sets free. */
  slot: boolean;
  /** Its type was paused or limited after it had become ready, so it is to be given back and held. */
  withheld: boolean;
  /** Where it stands: its claim, the queue's and the organisation's small numbers, the database's instant of the claim. */
  claimId: string;
  queueNumber: number;
  org: number;
  claimedAt: Date;
}

export interface Claim {
  /** null: jobs are there, but limits and pauses withhold them all. */
  claimId: string | null;
  jobs: ClaimedJob[];
  /** Whose turn it is at the next claim of this queue, and how many jobs of a cut-off turn it is still owed. */
  cursor: Cursor;
}
export interface Cursor {
  org: number;
  owed: number;
}

/** What a worker runs, by queue number and organisation number. */
export type RunningByQueue = Record<string, Record<string, number>>;

export interface ClaimRequest {
  worker: number;
  queue: number;
  batch: number;
  cursor: Cursor;
  /** What this worker runs now. */
  running: RunningByQueue;
}

/** How many organisations one batch may visit: bounds the claim's cost whatever their number (claim.md). */
const visit = 64;

/** Jobs to run now; `null` when nothing is ready. @throws with SQLSTATE CJ001 when the worker has lost its lease */
export async function claimJobs(sql: Sql, request: ClaimRequest): Promise<Claim | null> {
  const { worker, queue, batch, cursor, running } = request;
  const { rows } = await sql.query<ClaimedRow & ClaimHead>({
    name: 'carillon-claim-jobs',
    text: `select * from claim_jobs($1, $2, $3, ${visit}, $4, $5, $6)`,
    values: [queue, worker, batch, cursor.org, cursor.owed, JSON.stringify(running)],
  });
  // what all have in common stands in one row, the first
  const head = rows.find((row) => row.next_org !== null);
  if (!head) return null;
  const claim = { claimId: head.claim_id!, claimedAt: new Date(head.claimed_ms), queueNumber: queue };
  return {
    claimId: head.claim_id,
    jobs: rows.filter(stillWanted).map((row) => claimedJob(row, claim)),
    cursor: { org: head.next_org, owed: head.next_owed },
  };
}

/**
 * The worker's claims that it does not know of: a claim that was committed while its answer was lost. Without this its jobs would
 * wait until the worker ends. Ended jobs of these claims do not come back; nor does a claim that has no others.
 */
export async function readBackClaims(sql: Sql, worker: number, known: readonly string[]): Promise<ClaimedJob[]> {
  const { rows } = await sql.query<ClaimedRow & { claim_id: string; claimed_at: Date; queue_number: number }>(
    `select c.claim_id, c.claimed_at, c.queue queue_number, mine.org, false withheld, null waited_ms,
       b.cancel_requested_at is not null cancel_requested, exists (select from job_slots s where s.job_id = b.id) slot,
       b.id, b.organization_id, b.queue, b.job_type, b.payload, b.retry_count, b.max_retries, b.backoff, b.timeout_seconds,
       b.attempt_count, b.worker_lost_count, b.run, b.subject_type, b.subject_id, b.created_by, b.trace_parent
       from job_claims c, unnest(c.jobs, c.orgs, c.runs) mine (id, org, run)
       join background_jobs b on b.id = mine.id and b.run = mine.run and b.status = 'queued'
      where c.worker = $1 and c.claim_id <> all ($2)`,
    [worker, known],
  );
  return rows.map((row) =>
    claimedJob(row, { claimId: row.claim_id, claimedAt: row.claimed_at, queueNumber: row.queue_number }),
  );
}

interface ClaimHead {
  claim_id: string | null;
  claimed_ms: number;
  next_org: number;
  next_owed: number;
}

interface ClaimedRow {
  org: number;
  withheld: boolean;
  slot: boolean;
  waited_ms: number | null;
  /** null: the entry was stale, its job cancelled, deleted or elsewhere. */
  id: string | null;
  organization_id: string;
  queue: string;
  job_type: string;
  payload: unknown;
  retry_count: number;
  max_retries: number;
  backoff: Backoff | null;
  timeout_seconds: number | null;
  attempt_count: number;
  worker_lost_count: number;
  run: number;
  subject_type: string | null;
  subject_id: string | null;
  created_by: string | null;
  trace_parent: string | null;
  cancel_requested: boolean;
}

const stillWanted = (row: ClaimedRow) => row.id !== null;

const claimedJob = (row: ClaimedRow, claim: Pick<ClaimedJob, 'claimId' | 'claimedAt' | 'queueNumber'>): ClaimedJob => ({
  id: row.id!,
  organizationId: row.organization_id,
  queue: row.queue,
  jobType: row.job_type,
  payload: row.payload,
  retryCount: row.retry_count,
  maxRetries: row.max_retries,
  backoff: row.backoff,
  timeoutSeconds: row.timeout_seconds,
  attemptCount: row.attempt_count,
  workerLostCount: row.worker_lost_count,
  run: row.run,
  subjectType: row.subject_type,
  subjectId: row.subject_id,
  createdBy: row.created_by,
  traceParent: row.trace_parent,
  cancelRequested: row.cancel_requested,
  waitedMs: row.waited_ms,
  slot: row.slot,
  withheld: row.withheld,
  claimId: claim.claimId,
  queueNumber: claim.queueNumber,
  org: row.org,
  claimedAt: claim.claimedAt,
});
