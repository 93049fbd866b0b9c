/**
 * What people do to jobs: cancel them, run them again. All of it works in the caller's transaction, behind its walls.
 *
 * Rows are locked first: a finisher or rescuer either came before (the job has ended, or has another run) or comes after and finds the
 * run moved on. The run is checked again with each change, so that it holds outside a transaction too. Of many jobs those that somebody
 * else holds are left (`busy`): to wait for many rows while holding others ends in deadlocks with the finisher.
 */
import { UniqueKeyHeld } from '../errors.js';
import { type EndState, hasEnded } from '../job-state.js';
import type { CancelResult, RetryResult, Sql } from '../ports.js';
import { passesGates } from './gates.js';

/** `busy`: somebody else holds it at the moment, or it is not there; ask for it alone. */
export type BulkCancelResult = CancelResult | 'busy';
export type BulkRetryResult = RetryResult | 'unique_key_held' | 'busy';

/** Cancels a queued job at once, and asks the worker of a running one to stop. */
export async function cancelJob(
  tx: Sql,
  jobId: string,
  by: { userId: string | null; reason?: string },
): Promise<CancelResult> {
  for (;;) {
    const [job] = await lockJobs(tx, [jobId], 'wait');
    if (!job) return 'not_found';
    if (hasEnded(job.status)) return 'already_ended';
    const outcome = (await cancelLocked(tx, [job], by)).get(jobId);
    if (outcome) return outcome;
  }
}

/** The same for many, each with its own outcome. */
export async function cancelJobs(
  tx: Sql,
  jobIds: readonly string[],
  by: { userId: string | null; reason?: string },
): Promise<Map<string, BulkCancelResult>> {
  const outcomes = new Map<string, BulkCancelResult>(jobIds.map((id) => [id, 'busy']));
  const locked = await lockJobs(tx, jobIds, 'skip');
  for (const { id, status } of locked) if (hasEnded(status)) outcomes.set(id, 'already_ended');
  const waiting = locked.filter(({ status }) => !hasEnded(status));
  for (const [id, outcome] of await cancelLocked(tx, waiting, by)) outcomes.set(id, outcome);
  return outcomes;
}

/** A job that was claimed between the lock and the statement is missing in the answer. */
async function cancelLocked(
  tx: Sql,
  jobs: readonly Locked[],
  by: { userId: string | null; reason?: string },
): Promise<Map<string, 'cancelled' | 'cancel_requested'>> {
  if (jobs.length === 0) return new Map();
  // a fresh look after the lock: a claim that commits between the two is told by its own watch that the run is over
  const { rows } = await tx.query<{ id: string; outcome: 'cancelled' | 'cancel_requested'; batch_id: string | null }>(
    cancelStatement,
    [jobs.map(({ id }) => id), jobs.map(({ run }) => run), by.userId, by.reason ?? null],
  );
  const batches = rows.flatMap(({ batch_id: batch }) => batch ?? []);
  if (batches.length > 0)
    await tx.query(`select count_batch_members($1::uuid[], $2::text[])`, [batches, batches.map(() => 'cancelled')]);
  return new Map(rows.map(({ id, outcome }) => [id, outcome]));
}

const cancelStatement = `
  with locked as (select * from unnest($1::uuid[], $2::int[]) l (id, run)),
  running as materialized (select r.job_id, r.run from running_jobs() r where r.job_id = any ($1::uuid[])),
  asked as (
    update background_jobs b set cancel_requested_at = coalesce(cancel_requested_at, carillon_now()),
      cancel_reason = coalesce(cancel_reason, $4), updated_at = carillon_now(), updated_by = $3
    from locked where b.id = locked.id and b.run = locked.run and b.status = 'queued' and (b.id, b.run) in (select job_id, run from running)
    returning b.id),
  ended as (
    update background_jobs b set status = 'cancelled', run = b.run + 1, completed_at = carillon_now(), next_retry_at = null,
      active_key = case when unique_until > carillon_now() then active_key end, cancel_requested_at = carillon_now(), cancel_reason = $4,
      updated_at = carillon_now(), updated_by = $3
    from locked where b.id = locked.id and b.run = locked.run and b.status = 'queued' and (b.id, b.run) not in (select job_id, run from running)
    returning b.id, b.organization_id, b.queue, b.job_type, b.concurrency_key, b.batch_id,
      (select number from organizations o where o.id = b.organization_id) org),
  unscheduled as (delete from job_later where job_id in (select id from ended)),
  unheld as (delete from job_held where job_id in (select id from ended)),
  unbound as (delete from job_dependencies where job_id in (select id from ended)),
  counted as (
    insert into job_statistics_deltas (at, org, queue, job_type, outcome, jobs)
    select carillon_now(), org, q.number, job_type, 'cancelled', count(*) from ended join queues q on q.name = ended.queue
     group by org, q.number, job_type),
  told as (
    insert into job_gates_to_check (job_type, org, concurrency_key)
    select distinct job_type, org, concurrency_key from ended where ${passesGates('ended')})
  select id, 'cancel_requested' outcome, null::uuid batch_id from asked
  union all
  select id, 'cancelled', batch_id from ended`;

/**
 * Puts an ended job back into its queue with a fresh budget of retries; its attempts so far stay its history.
 * @throws UniqueKeyHeld when another job of its type now holds its unique key
 */
export async function retryJob(tx: Sql, jobId: string, by: { userId: string | null }): Promise<RetryResult> {
  const [job] = await lockJobs(tx, [jobId], 'wait');
  if (!job) return 'not_found';
  if (!hasEnded(job.status)) return 'not_ended';
  const outcome = (await retryLocked(tx, [job], by)).get(jobId) ?? 'not_ended'; // somebody else put it back first
  if (outcome === 'unique_key_held') throw new UniqueKeyHeld(jobId);
  return outcome;
}

/** The same for many, each with its own outcome. Of several with the same unique key the oldest goes first. */
export async function retryJobs(
  tx: Sql,
  jobIds: readonly string[],
  by: { userId: string | null },
): Promise<Map<string, BulkRetryResult>> {
  const outcomes = new Map<string, BulkRetryResult>(jobIds.map((id) => [id, 'busy']));
  const locked = await lockJobs(tx, jobIds, 'skip');
  for (const { id } of locked) outcomes.set(id, 'not_ended');
  const ended = locked.filter(({ status }) => hasEnded(status));
  for (const [id, outcome] of await retryLocked(tx, ended, by)) outcomes.set(id, outcome);
  return outcomes;
}

async function retryLocked(
  tx: Sql,
  jobs: readonly Locked[],
  by: { userId: string | null },
): Promise<Map<string, 'queued' | 'unique_key_held'>> {
  if (jobs.length === 0) return new Map();
  const { rows } = await tx.query<{ id: string; outcome: 'queued' | 'unique_key_held' }>(retryStatement, [
    jobs.map(({ id }) => id),
    jobs.map(({ run }) => run),
    by.userId,
  ]);
  return new Map(rows.map(({ id, outcome }) => [id, outcome]));
}

const retryStatement = `
  with locked as (
    select b.id, b.run, b.status, b.unique_key is not null and (
        row_number() over (partition by b.organization_id, b.job_type, b.unique_key order by b.id) > 1
        or exists (select from background_jobs other where other.organization_id = b.organization_id and other.job_type = b.job_type
                    and other.active_key = b.unique_key and other.id <> b.id)) key_held
      from unnest($1::uuid[], $2::int[]) l (id, run) join background_jobs b on b.id = l.id and b.run = l.run and b.status <> 'queued'),
  again as (
    update background_jobs b set status = 'queued', run = b.run + 1, run_at = carillon_now(), next_retry_at = null, retry_count = 0,
      worker_lost_count = 0, result = null, error_code = null, error_message = null, progress = 0, progress_message = null,
      active_key = b.unique_key, failed_at = null, completed_at = null, started_at = null, cancel_requested_at = null,
      cancel_reason = null, updated_at = carillon_now(), updated_by = $3
    from locked where b.id = locked.id and b.run = locked.run and b.status <> 'queued' and not locked.key_held
    returning b.id, b.organization_id, b.queue, b.run_at, b.priority, b.run, b.payload, b.job_type, b.concurrency_key, b.batch_id,
      locked.status was),
  placed as (
    select again.id, q.number queue, o.number org, job_rank(again.run_at, again.priority) rank, again.run,
      pg_column_size(again.payload) bytes, job_type, concurrency_key,
      ${passesGates('again')} gated
    from again join organizations o on o.id = again.organization_id join queues q on q.name = again.queue),
  ready as (
    insert into job_ready (job_id, queue, org, rank, run, bytes)
    select id, queue, org, rank, run, bytes from placed where not gated),
  held as (
    insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key)
    select id, queue, org, rank, run, bytes, job_type, concurrency_key from placed where gated),
  recounted as (
    update job_batches b set pending = b.pending + n.jobs, completed = b.completed - n.completed, failed = b.failed - n.failed,
      cancelled = b.cancelled - n.cancelled
    from (select batch_id, count(*) jobs, count(*) filter (where was = 'completed') completed, count(*) filter (where was = 'failed') failed,
            count(*) filter (where was = 'cancelled') cancelled from again where batch_id is not null group by batch_id) n
    where b.id = n.batch_id)
  select id, 'queued' outcome from again
  union all
  select id, 'unique_key_held' from locked where key_held`;

interface Locked {
  id: string;
  status: 'queued' | EndState;
  run: number;
}

async function lockJobs(tx: Sql, ids: readonly string[], ifHeld: 'wait' | 'skip'): Promise<Locked[]> {
  const text = `select id, status, run from background_jobs where id = any ($1::uuid[]) order by id for update`;
  return (await tx.query<Locked>(ifHeld === 'skip' ? `${text} skip locked` : text, [ids])).rows;
}
