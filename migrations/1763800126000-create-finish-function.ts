import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How runs end, and what their end means for batches and for jobs that wait. */
export class CreateFinishFunction1763800126000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [batches, finish, ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function finish_runs(${signature})`);
    await runner.query(`drop function count_batch_members(uuid[], text[])`);
  }
}

// The planner must not choose: with stale statistics, or none, a hash join or a sequential scan of a table that was just filled costs
// a hundred times as much as the index, and JIT alone 4.5 s.
const onlyByIndex = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set jit = off set plan_cache_mode = force_generic_plan`;

const signature = 'int, text, uuid[], bigint[], int[], int[], float8[], smallint[], smallint[], jsonb, bigint[]';

/**
 * Ends runs: many results in one statement. The fence is the claim's row (its worker, still there) and the job's run; an id that does
 * not come back was not ours any more, and nothing of it was written. The claim is locked FOR SHARE, so that a rescuer either waits
 * for this commit and then sees the raised run, or has deleted the claim and we change nothing.
 * A result that puts a job back is refused while its cancel is asked for; one with if_cancel_requested only counts in that case.
 * What every run has comes in columns, and `more` holds, in the same order, null for a plain completion and else what is different about it:
 * a record of JSON for each cost the server five times as much as an element in each of seven arrays.
 * `refused` are the ids that were not ours; `gates` says that held jobs may be let go now.
 */
const finish = `create function finish_runs(me int, worker_name text, the_ids uuid[], claims bigint[], runs int[], orgs int[],
    started_ms float8[], wait_buckets smallint[], run_buckets smallint[], more jsonb, emptied bigint[])
  returns table (refused uuid[], gates boolean) language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  declare
    accepted uuid[]; the_completed uuid[]; the_batches uuid[]; the_outcomes text[];
    let_go boolean := false;
  begin
    with fence as materialized (
      select claim_id, queue from job_claims where worker = me and claim_id = any (array(select distinct unnest(claims))) for share
    ), given as (
      select id, run, org, queue, to_timestamp(started_ms / 1000) started_at, wait_bucket, run_bucket,
          coalesce(more ->> 'status', 'completed') status, coalesce(more ->> 'outcome', 'completed') outcome,
          coalesce((more ->> 'counts')::boolean, true) counts, (more ->> 'retry_count')::int retry_count,
          (more ->> 'worker_lost_count')::int worker_lost_count, (more ->> 'due_at')::timestamptz due_at, more -> 'result' result,
          more ->> 'error_code' error_code, more ->> 'error_message' error_message, more ->> 'error_stack' error_stack,
          coalesce((more ->> 'progress')::smallint, 100) progress, more ->> 'progress_message' progress_message,
          coalesce((more ->> 'reported')::boolean, false) reported, coalesce((more ->> 'slot')::boolean, false) slot,
          more ->> 'subject_type' subject_type, more ->> 'subject_id' subject_id,
          coalesce((more ->> 'if_cancel_requested')::boolean, false) if_cancel_requested
        from rows from (unnest(the_ids, claims, runs, orgs, started_ms, wait_buckets, run_buckets), jsonb_array_elements(more))
          r (id, claim, run, org, started_ms, wait_bucket, run_bucket, more)
        join fence on fence.claim_id = r.claim
    ), ended as (
      update background_jobs b set
        status = r.status,
        run = b.run + 1,
        attempt_count = b.attempt_count + r.counts::int,
        retry_count = coalesce(r.retry_count, b.retry_count),
        worker_lost_count = coalesce(r.worker_lost_count, b.worker_lost_count),
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
      from given r
      where b.id = r.id and b.run = r.run and b.status = 'queued'
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
    select array_agg(ended.id), array_agg(ended.id) filter (where status = 'completed'),
        array_agg(batch_id) filter (where batch_id is not null and status <> 'queued'),
        array_agg(status) filter (where batch_id is not null and status <> 'queued'),
        coalesce(bool_or(slot), false) or exists (select from again where gated)
      into accepted, the_completed, the_batches, the_outcomes, let_go from ended;
    -- statements of their own: they must see the edges and members that were committed while this one waited for a row
    if the_completed is not null then
      update job_held set recheck = true where job_id = any (array(
        select d.job_id from job_dependencies d where d.parent_id = any (the_completed) order by d.job_id));
      let_go := let_go or found;
    end if;
    if the_batches is not null then
      let_go := count_batch_members(the_batches, the_outcomes) or let_go;
    end if;
    if cardinality(the_ids) > coalesce(cardinality(accepted), 0) then
      refused := array(select unnest(the_ids) except select unnest(accepted));
    end if;
    gates := let_go;
    return next;
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
  `revoke execute on function finish_runs(${signature}), count_batch_members(uuid[], text[]) from public`,
  `grant execute on function finish_runs(${signature}) to carillon_engine`,
  // a queued job that is cancelled ends in its organisation's own transaction
  `grant execute on function count_batch_members(uuid[], text[]) to carillon_engine, carillon_app`,
];
