/** What people do to a job: cancel it, run it again. Both work in the caller's transaction, behind its walls. */
import { UniqueKeyHeld } from '../errors.js';
import { type EndState, hasEnded } from '../job-state.js';
import type { CancelResult, RetryResult, Sql } from '../ports.js';

/**
 * Cancels a queued job at once, and asks the worker of a running one to stop. The row is locked first: a finisher or rescuer either
 * came before (already ended, or another run) or comes after and finds the run moved on. The run is checked again with each change,
 * so that it holds outside a transaction too.
 */
export async function cancelJob(
  tx: Sql,
  jobId: string,
  by: { userId: string | null; reason?: string },
): Promise<CancelResult> {
  for (;;) {
    const job = await lockJob(tx, jobId);
    if (!job) return 'not_found';
    if (hasEnded(job.status)) return 'already_ended';
    // a fresh look after the lock: a claim that commits between the two is told by its own watch that the run is over
    const { rows } = await tx.query<{ asked: boolean; ended: boolean }>(cancelStatement, [
      jobId,
      job.run,
      by.userId,
      by.reason ?? null,
    ]);
    if (rows[0]!.asked) return 'cancel_requested';
    if (rows[0]!.ended) return 'cancelled';
  }
}

const cancelStatement = `
  with running as (select from running_jobs() where job_id = $1 and run = $2),
  asked as (
    update background_jobs set cancel_requested_at = coalesce(cancel_requested_at, carillon_now()),
      cancel_reason = coalesce(cancel_reason, $4), updated_at = carillon_now(), updated_by = $3
    where id = $1 and run = $2 and status = 'queued' and exists (select from running) returning id),
  ended as (
    update background_jobs set status = 'cancelled', run = run + 1, completed_at = carillon_now(), next_retry_at = null,
      active_key = null, cancel_requested_at = carillon_now(), cancel_reason = $4, updated_at = carillon_now(), updated_by = $3
    where id = $1 and run = $2 and status = 'queued' and not exists (select from running) returning id),
  unscheduled as (delete from job_later where job_id in (select id from ended))
  select exists (select from asked) asked, exists (select from ended) ended`;

/**
 * Puts an ended job back into its queue with a fresh budget of retries; its attempts so far stay its history.
 * @throws UniqueKeyHeld when another job of its type now holds its unique key
 */
export async function retryJob(tx: Sql, jobId: string, by: { userId: string | null }): Promise<RetryResult> {
  const job = await lockJob(tx, jobId);
  if (!job) return 'not_found';
  if (!hasEnded(job.status)) return 'not_ended';
  const held = await tx.query(
    `select from background_jobs b join background_jobs other using (organization_id, job_type)
      where b.id = $1 and other.active_key = b.unique_key`,
    [jobId],
  );
  if (held.rows.length > 0) throw new UniqueKeyHeld(jobId);
  const { rowCount } = await tx.query(retryStatement, [jobId, job.run, by.userId]);
  return rowCount === 1 ? 'queued' : 'not_ended'; // somebody else put it back first
}

const retryStatement = `
  with again as (
    update background_jobs set status = 'queued', run = run + 1, run_at = carillon_now(), next_retry_at = null, retry_count = 0,
      worker_lost_count = 0, result = null, error_code = null, error_message = null, progress = 0, progress_message = null,
      active_key = unique_key, failed_at = null, completed_at = null, started_at = null, cancel_requested_at = null,
      cancel_reason = null, updated_at = carillon_now(), updated_by = $3
    where id = $1 and run = $2 and status <> 'queued' returning id, organization_id, queue, run_at, priority, run)
  insert into job_ready (job_id, queue, org, rank, run)
    select again.id, q.number, o.number, job_rank(again.run_at, again.priority), again.run
      from again join organizations o on o.id = again.organization_id join queues q on q.name = again.queue`;

async function lockJob(tx: Sql, jobId: string): Promise<Stored | undefined> {
  const { rows } = await tx.query<Stored>(`select status, run from background_jobs where id = $1 for update`, [jobId]);
  return rows[0];
}

interface Stored {
  status: 'queued' | EndState;
  run: number;
}
