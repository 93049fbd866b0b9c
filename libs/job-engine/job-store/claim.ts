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

export interface ClaimRequest {
  worker: number;
  leaseMs: number;
  queue: number;
  batch: number;
  cursor: Cursor;
  /** What this worker runs now in the queue, by organisation number. */
  running: Record<string, number>;
}

/** How many organisations one batch may visit: bounds the claim's cost whatever their number (claim.md). */
const visit = 64;

/** Jobs to run now; `null` when nothing is ready. @throws with SQLSTATE CJ001 when the worker has lost its lease */
export async function claimJobs(sql: Sql, request: ClaimRequest): Promise<Claim | null> {
  const { worker, leaseMs, queue, batch, cursor, running } = request;
  const { rows } = await sql.query<ClaimedRow>({
    name: 'carillon-claim-jobs',
    text: `select claim_id, claimed_at, next_org, next_owed, org, $1::smallint queue_number, ${claimedColumns('(c.job).')}
             from claim_jobs($1, $2, make_interval(secs => $3 / 1000.0), $4, ${visit}, $5, $6, $7) c`,
    values: [queue, worker, leaseMs, batch, cursor.org, cursor.owed, JSON.stringify(running)],
  });
  const first = rows[0];
  if (!first) return null;
  return {
    claimId: first.claim_id,
    jobs: rows.filter(stillWanted).map(claimedJob),
    cursor: { org: first.next_org, owed: first.next_owed },
  };
}

/**
 * The worker's claims that it does not know of: a claim that was committed while its answer was lost. Without this its jobs would
 * wait until the worker ends. Ended jobs of these claims do not come back; nor does a claim that has no others.
 */
export async function readBackClaims(sql: Sql, worker: number, known: readonly string[]): Promise<ClaimedJob[]> {
  const { rows } = await sql.query<ClaimedRow>(
    `select c.claim_id, c.claimed_at, mine.org, c.queue queue_number, ${claimedColumns('b.')}
       from job_claims c, unnest(c.jobs, c.orgs, c.runs) mine (id, org, run)
       join background_jobs b on b.id = mine.id and b.run = mine.run and b.status = 'queued'
      where c.worker = $1 and c.claim_id <> all ($2)`,
    [worker, known],
  );
  return rows.map(claimedJob);
}

const claimedColumns = (of: string): string =>
  `${of}id id, ${of}organization_id organization_id, ${of}queue queue, ${of}job_type job_type, ${of}payload payload,
   ${of}retry_count retry_count, ${of}max_retries max_retries, ${of}backoff backoff, ${of}timeout_seconds timeout_seconds,
   ${of}attempt_count attempt_count, ${of}worker_lost_count worker_lost_count, ${of}run run, ${of}subject_type subject_type,
   ${of}subject_id subject_id, ${of}created_by created_by, ${of}trace_parent trace_parent,
   ${of}cancel_requested_at is not null cancel_requested`;

interface ClaimedRow {
  claim_id: string | null;
  claimed_at: Date;
  next_org: number;
  next_owed: number;
  org: number;
  queue_number: number;
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

const claimedJob = (row: ClaimedRow): ClaimedJob => ({
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
  claimId: row.claim_id!,
  queueNumber: row.queue_number,
  org: row.org,
  claimedAt: row.claimed_at,
});
