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
 * Writes ends of runs in one statement, and drops claims whose jobs have all ended. Answers the refused ids: lease lost, job deleted or
 * ended otherwise, or to be put back while its cancel is asked for. `gates`: held jobs may go now.
 * A commit per job would cost 12 times as much (npm run bench).
 */
export async function finishRuns(
  sql: Sql,
  worker: { number: number; name: string },
  ends: readonly EndOfRun[],
  emptiedClaims: readonly string[],
): Promise<{ refused: ReadonlySet<string>; gates: boolean }> {
  const { rows } = await sql.query<{ refused: string[] | null; gates: boolean }>({
    name: 'carillon-finish-runs',
    text: `select refused, gates from finish_runs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [worker.number, worker.name, ...columnsOf(ends), emptiedClaims],
  });
  return { refused: new Set(rows[0]?.refused), gates: rows[0]?.gates ?? false };
}

/** Claims whose jobs have all ended; what is left of them would only be read in vain. */
export async function dropClaims(sql: Sql, worker: number, claims: readonly string[]): Promise<void> {
  await sql.query({
    name: 'carillon-drop-claims',
    text: `delete from job_claims where worker = $1 and claim_id = any ($2)`,
    values: [worker, claims],
  });
}

/** The statement's arrays, as PostgreSQL reads them, and its JSON. Written here because pg's own way quotes every element. */
function columnsOf(ends: readonly EndOfRun[]): string[] {
  const column = (valueOf: (end: EndOfRun) => string | number | null) =>
    `{${ends.map((end) => valueOf(end) ?? 'null').join(',')}}`;
  return [
    column((end) => end.job.id),
    column((end) => end.job.claimId),
    column((end) => end.job.run),
    column((end) => end.job.org),
    column((end) => end.startedAt?.getTime() ?? null),
    column((end) => end.waitBucket),
    column((end) => end.runBucket),
    `[${ends.map(differences).join(',')}]`,
  ];
}

/** What is different about an end from a plain completion, as JSON. The result is JSON already, so it is spliced in. */
function differences(end: EndOfRun): string {
  const { job, decision, resultJson } = end;
  const result = resultJson === null ? '' : `"result":${resultJson}`;
  if (isPlain(end)) return resultJson === null ? 'null' : `{${result}}`;
  const record = JSON.stringify({
    status: decision.status,
    outcome: decision.outcome,
    counts: decision.counts,
    retry_count: decision.retryCount,
    worker_lost_count: decision.workerLostCount,
    due_at: decision.dueAt ?? undefined,
    error_code: decision.errorCode ?? undefined,
    error_message: decision.errorMessage ?? undefined,
    error_stack: decision.errorStack ?? undefined,
    progress: end.progress,
    progress_message: end.progressMessage ?? undefined,
    reported: end.reported || undefined,
    slot: job.slot || undefined,
    subject_type: end.subject?.type,
    subject_id: end.subject?.id,
    if_cancel_requested: end.ifCancelRequested || undefined,
  });
  return result === '' ? record : `${record.slice(0, -1)},${result}}`;
}

const isPlain = ({ job, decision, progressMessage, reported, subject }: EndOfRun) =>
  decision.status === 'completed' && progressMessage === null && !reported && !job.slot && subject === null;
