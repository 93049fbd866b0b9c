/** How runs end: many at once, fenced. The statement itself is the function finish_runs (migrations). */
import type { Decision } from '../job-state.js';
import type { Sql } from '../ports.js';
import type { ClaimedJob } from './claim.js';

/** A decided end of a run, ready to be written. */
export interface EndOfRun {
  job: ClaimedJob;
  decision: Decision;
  /** The result as JSON, made and checked where the handler ended. */
  resultJson: string | null;
  /** In the database's time. */
  startedAt: Date | null;
  progress: number;
  progressMessage: string | null;
  /** Whether the progress table has a row of it. */
  reported: boolean;
  subject: { type: string; id: string } | null;
  /** How long it had been due when it started, and how long it ran, as buckets of the statistics; null where it never started. */
  waitBucket: number | null;
  runBucket: number | null;
  /** Only to be written where a cancel has been asked for: the second try of a result that would have put the job back. */
  ifCancelRequested: boolean;
}

/**
 * Writes ends of runs in one statement, and drops claims whose jobs have all ended. Answers the accepted ids; a missing one was
 * refused: lease lost, job deleted or ended otherwise, or to be put back while its cancel is asked for. `gates`: held jobs may go now.
 * A commit per job would cost 12 times as much (npm run bench).
 */
export async function finishRuns(
  sql: Sql,
  worker: { number: number; name: string },
  ends: readonly EndOfRun[],
  emptiedClaims: readonly string[],
): Promise<{ accepted: Set<string>; gates: boolean }> {
  const { rows } = await sql.query<{ id: string; gates: boolean }>({
    name: 'carillon-finish-runs',
    text: `select id, gates from finish_runs($1, $2, $3, $4)`,
    values: [worker.number, worker.name, `[${ends.map(recordOf).join(',')}]`, emptiedClaims],
  });
  return { accepted: new Set(rows.map((row) => row.id)), gates: rows[0]?.gates ?? false };
}

/** Claims whose jobs have all ended; what is left of them would only be read in vain. */
export async function dropClaims(sql: Sql, worker: number, claims: readonly string[]): Promise<void> {
  await sql.query({
    name: 'carillon-drop-claims',
    text: `delete from job_claims where worker = $1 and claim_id = any ($2)`,
    values: [worker, claims],
  });
}

/** One record of the statement's JSON; the result is JSON already, so it is spliced in instead of being parsed and written again. */
function recordOf(end: EndOfRun): string {
  const { job, decision } = end;
  const record = JSON.stringify({
    id: job.id,
    claim: job.claimId,
    run: job.run,
    queue: job.queueNumber,
    org: job.org,
    status: decision.status,
    outcome: decision.outcome,
    counts: decision.counts,
    retry_count: decision.retryCount,
    worker_lost_count: decision.workerLostCount,
    due_at: decision.dueAt ?? undefined,
    error_code: decision.errorCode ?? undefined,
    error_message: decision.errorMessage ?? undefined,
    error_stack: decision.errorStack ?? undefined,
    started_at: end.startedAt ?? undefined,
    progress: end.progress,
    progress_message: end.progressMessage ?? undefined,
    reported: end.reported,
    slot: job.slot || undefined,
    wait_bucket: end.waitBucket ?? undefined,
    run_bucket: end.runBucket ?? undefined,
    subject_type: end.subject?.type,
    subject_id: end.subject?.id,
    if_cancel_requested: end.ifCancelRequested,
  });
  return end.resultJson === null ? record : `${record.slice(0, -1)},"result":${end.resultJson}}`;
}
