import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How runs end, and what their end means for batches and for jobs that wait. */
export class CreateFinishFunction1763800126000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [batches, finish, ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function finish_runs(int, text, jsonb, bigint[])`);
    await runner.query(`drop function count_batch_members(uuid[], text[])`);
  }
}

// The planner must not choose: with stale statistics, or none, a hash join or a sequential scan of a table that was just filled costs
// a hundred times as much as the index, and JIT alone 4.5 s.
const onlyByIndex = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set jit = off set plan_cache_mode = force_generic_plan`;

/**
 * Ends runs: many results in one statement. The fence is the claim's row (its worker, still there) and the job's run; an id that does
 * not come back was not ours any more, and nothing of it was written. The claim is locked FOR SHARE, so that a rescuer either waits
 * for this commit and then sees the raised run, or has deleted the claim and we change nothing.
 * A result that puts a job back is refused while its cancel is asked for; one with if_cancel_requested only counts in that case.
 * `gates` says that held jobs may be let go now.
 */
const finish = `create function finish_runs(me int, worker_name text, results jsonb, emptied bigint[])
  returns table (id uuid, attempt int, gates boolean) language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  declare
    the_ids uuid[]; the_attempts int[]; the_completed uuid[]; the_ended int; the_freed int; the_batches uuid[]; the_outcomes text[];
    let_go boolean := false;
  begin
    with fence as materialized (
      select claim_id from job_claims where worker = me
        and claim_id = any (array(select distinct (r ->> 'claim')::bigint from jsonb_array_elements(results) r)) for share
    ), ended as (
      update background_jobs b set
        status = r.status,
        run = b.run + 1,
        attempt_count = b.attempt_count + r.counts::int,
        retry_count = r.retry_count,
        worker_lost_count = r.worker_lost_count,
        next_retry_at = case when r.status <> 'queued' then null when r.outcome = 'released' then b.next_retry_at else r.due_at end,
        result = r.result,
        error_code = case when r.counts then r.error_code else b.error_code end,
        error_message = case when r.counts then r.error_message else b.error_message end,
        progress = r.progress,
        progress_message = r.progress_message,
        subject_type = coalesce(r.subject_type, b.subject_type),
        subject_id = coalesce(r.subject_id, b.subject_id),
        active_key = case when r.status = 'queued' or b.unique_until > carillon_now() then b.active_key end,
        failed_at = case when r.status = 'failed' then carillon_now() end,
        completed_at = case when r.status <> 'queued' then carillon_now() end,
        started_at = coalesce(r.started_at, b.started_at),
        updated_at = carillon_now()
      from jsonb_to_recordset(results) r (id uuid, claim bigint, run int, queue smallint, org int, status text, outcome text,
        counts boolean, retry_count int, worker_lost_count int, due_at timestamptz, result jsonb, error_code text, error_message text,
        error_stack text, started_at timestamptz, progress smallint, progress_message text, reported boolean, slot boolean,
        wait_bucket smallint, run_bucket smallint, subject_type text, subject_id text, if_cancel_requested boolean)
      where b.id = r.id and b.run = r.run and b.status = 'queued' and r.claim = any (array(select claim_id from fence))
        and case when r.if_cancel_requested then b.cancel_requested_at is not null
                 else r.status <> 'queued' or b.cancel_requested_at is null end
      returning b.id, b.organization_id, b.run, b.attempt_count, b.priority, b.next_retry_at, b.run_at, b.job_type, b.concurrency_key,
        b.batch_id, case when r.status = 'queued' then pg_column_size(b.payload) end bytes, r.queue, r.org, r.status,
        r.outcome, r.counts, r.due_at, r.error_code, r.error_message, r.error_stack, r.started_at, r.reported, r.slot,
        r.wait_bucket, r.run_bucket
    ), history as (
      insert into job_attempts (job_id, number, organization_id, worker, outcome, error_code, error_message, error_stack, started_at, ended_at)
        select id, attempt_count, organization_id, worker_name, outcome, error_code, error_message, error_stack, started_at, carillon_now()
          from ended where counts
    ), counted as (
      insert into job_statistics_deltas (at, org, queue, job_type, outcome, wait_bucket, run_bucket, jobs)
        select carillon_now(), org, queue, job_type,
          case when status <> 'queued' then status when outcome = 'worker_lost' then 'lost' else 'retried' end,
          wait_bucket, run_bucket, count(*)
          from ended where counts or status <> 'queued' group by 2, 3, 4, 5, 6, 7
    ), noted as (
      -- what is no attempt is told here, so that the job's whole life can be read
      insert into job_log_entries (job_id, organization_id, attempt, level, message)
        select id, organization_id, attempt_count + 1, 'info', case when outcome = 'snoozed'
            then 'snoozed until ' || to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            else 'given back by ' || worker_name || ', which shut down' end
          from ended
         where outcome in ('snoozed', 'released') and started_at is not null
           and (select count(*) from job_log_entries e where e.job_id = ended.id) < 1000
    ), again as (
      select *, coalesce(due_at, carillon_now()) <= carillon_now() is_due, concurrency_key is not null or exists (
          select from job_type_controls c where c.job_type = ended.job_type and c.gated) gated
        from ended where status = 'queued'
    ), ready as (
      insert into job_ready (job_id, queue, org, rank, run, bytes)
        select id, queue, org, job_rank(coalesce(next_retry_at, run_at), priority), run, bytes from again where is_due and not gated
        on conflict (queue, org, rank, job_id) do update set run = excluded.run
    ), held as (
      insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key)
        select id, queue, org, job_rank(coalesce(next_retry_at, run_at), priority), run, bytes, job_type, concurrency_key
          from again where is_due and gated
        on conflict (job_id) do update set run = excluded.run, rank = excluded.rank, recheck = true
    ), later as (
      insert into job_later (job_id, due_at, queue, org, rank, run, bytes)
        select id, due_at, queue, org, job_rank(due_at, priority), run, bytes from again where not is_due
        on conflict (job_id) do update set due_at = excluded.due_at, rank = excluded.rank, run = excluded.run
    ), unreported as (
      delete from job_progress where job_id = any (array(select id from ended where reported))
    ), freed as (
      delete from job_slots where job_id = any (array(select id from ended where slot)) returning job_type, org, concurrency_key
    ), told as (
      insert into job_gates_to_check (job_type, org, concurrency_key) select distinct job_type, org, concurrency_key from freed
    ), dropped as (
      delete from job_claims where claim_id = any (emptied) and worker = me
    )
    select array_agg(ended.id), array_agg(attempt_count), array_agg(ended.id) filter (where status = 'completed'),
        array_agg(batch_id) filter (where batch_id is not null and status <> 'queued'),
        array_agg(status) filter (where batch_id is not null and status <> 'queued'),
        coalesce(bool_or(slot), false) or exists (select from again where gated)
      into the_ids, the_attempts, the_completed, the_batches, the_outcomes, let_go from ended;
    -- statements of their own: they must see the edges and members that were committed while this one waited for a row
    if the_completed is not null then
      update job_held set recheck = true where job_id = any (array(
        select d.job_id from job_dependencies d where d.parent_id = any (the_completed) order by d.job_id));
      let_go := let_go or found;
    end if;
    if the_batches is not null then
      let_go := count_batch_members(the_batches, the_outcomes) or let_go;
    end if;
    return query select e.id, e.attempt, let_go from unnest(the_ids, the_attempts) e (id, attempt);
  end $$`;

/** Members that ended, by batch and outcome, several at once; answers whether a batch has none left. */
const batches = `create function count_batch_members(batches uuid[], outcomes text[]) returns boolean language plpgsql as $$
  begin
    perform from job_batches where id = any (batches) order by id for update;
    update job_batches b set pending = b.pending - e.jobs, completed = b.completed + e.completed, failed = b.failed + e.failed,
        cancelled = b.cancelled + e.cancelled,
        finished_at = case when b.pending = e.jobs then coalesce(finished_at, carillon_now()) else finished_at end
      from (select batch, count(*) jobs, count(*) filter (where outcome = 'completed') completed,
              count(*) filter (where outcome = 'failed') failed, count(*) filter (where outcome = 'cancelled') cancelled
              from unnest(batches, outcomes) u (batch, outcome) group by 1) e
     where b.id = e.batch;
    update job_held set recheck = true
     where awaits_batch = any (array(select id from job_batches where id = any (batches) and pending = 0));
    return found;
  end $$`;

const grants = [
  `revoke execute on function finish_runs(int, text, jsonb, bigint[]), count_batch_members(uuid[], text[]) from public`,
  `grant execute on function finish_runs(int, text, jsonb, bigint[]) to carillon_engine`,
  // a queued job that is cancelled ends in its organisation's own transaction
  `grant execute on function count_batch_members(uuid[], text[]) to carillon_engine, carillon_app`,
];
