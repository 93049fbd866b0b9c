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
    const { rows } = await tx.query<{ asked: boolean; ended: boolean; batch_id: string | null }>(cancelStatement, [
      jobId,
      job.run,
      by.userId,
      by.reason ?? null,
    ]);
    if (rows[0]!.asked) return 'cancel_requested';
    if (!rows[0]!.ended) continue;
    const { batch_id: batch } = rows[0]!;
    if (batch !== null) await tx.query(`select count_batch_members(array[$1::uuid], array['cancelled'])`, [batch]);
    return 'cancelled';
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
      active_key = case when unique_until > carillon_now() then active_key end, cancel_requested_at = carillon_now(), cancel_reason = $4,
      updated_at = carillon_now(), updated_by = $3
    where id = $1 and run = $2 and status = 'queued' and not exists (select from running)
    returning id, organization_id, queue, job_type, concurrency_key, batch_id,
      (select number from organizations o where o.id = organization_id) org),
  unscheduled as (delete from job_later where job_id in (select id from ended)),
  unheld as (delete from job_held where job_id in (select id from ended)),
  unbound as (delete from job_dependencies where job_id in (select id from ended)),
  counted as (
    insert into job_statistics_deltas (at, org, queue, job_type, outcome, jobs)
    select carillon_now(), org, q.number, job_type, 'cancelled', 1 from ended join queues q on q.name = ended.queue),
  told as (
    insert into job_gates_to_check (job_type, org, concurrency_key)
    select job_type, org, concurrency_key from ended e
     where concurrency_key is not null or exists (select from job_type_controls c where c.job_type = e.job_type and c.gated))
  select exists (select from asked) asked, exists (select from ended) ended,
    (select batch_id from ended) batch_id`;

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
      where b.id = $1 and other.id <> b.id and other.active_key = b.unique_key`,
    [jobId],
  );
  if (held.rows.length > 0) throw new UniqueKeyHeld(jobId);
  const { rowCount } = await tx.query(retryStatement, [jobId, job.run, by.userId, job.status]);
  return rowCount === 1 ? 'queued' : 'not_ended'; // somebody else put it back first
}

const retryStatement = `
  with again as (
    update background_jobs set status = 'queued', run = run + 1, run_at = carillon_now(), next_retry_at = null, retry_count = 0,
      worker_lost_count = 0, result = null, error_code = null, error_message = null, progress = 0, progress_message = null,
      active_key = unique_key, failed_at = null, completed_at = null, started_at = null, cancel_requested_at = null,
      cancel_reason = null, updated_at = carillon_now(), updated_by = $3
    where id = $1 and run = $2 and status <> 'queued'
    returning id, organization_id, queue, run_at, priority, run, payload, job_type, concurrency_key, batch_id),
  placed as (
    select again.id, q.number queue, o.number org, job_rank(again.run_at, again.priority) rank, again.run,
      pg_column_size(again.payload) bytes, job_type, concurrency_key,
      concurrency_key is not null or exists (select from job_type_controls c where c.job_type = again.job_type and c.gated) gated
    from again join organizations o on o.id = again.organization_id join queues q on q.name = again.queue),
  ready as (
    insert into job_ready (job_id, queue, org, rank, run, bytes)
    select id, queue, org, rank, run, bytes from placed where not gated),
  held as (
    insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key)
    select id, queue, org, rank, run, bytes, job_type, concurrency_key from placed where gated),
  recounted as (
    update job_batches b set pending = pending + 1, completed = completed - ($4 = 'completed')::int, failed = failed - ($4 = 'failed')::int,
      cancelled = cancelled - ($4 = 'cancelled')::int
    from again where b.id = again.batch_id)
  select id from again`;

async function lockJob(tx: Sql, jobId: string): Promise<Stored | undefined> {
  const { rows } = await tx.query<Stored>(`select status, run from background_jobs where id = $1 for update`, [jobId]);
  return rows[0];
}

interface Stored {
  status: 'queued' | EndState;
  run: number;
}
