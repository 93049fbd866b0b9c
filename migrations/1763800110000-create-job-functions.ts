import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The two statements of the engine's hot path, claim and finish, and the view in which everybody reads jobs. */
export class CreateJobFunctions1763800110000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [claim, finish, ...reading, ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop view background_job_view`);
    await runner.query(`drop function running_jobs(), running_jobs_of_current_organization()`);
    await runner.query(`drop function finish_runs(int, text, jsonb, bigint[])`);
    await runner.query(`drop function claim_jobs(smallint, int, interval, int, int, int, int, jsonb)`);
  }
}

// The planner must not choose: with stale statistics, or none, a hash join or a sequential scan of a table that was just filled costs
// a hundred times as much as the index, and JIT alone 4.5 s.
const onlyByIndex = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set jit = off set plan_cache_mode = force_generic_plan`;

/**
 * Takes up to `batch` ready jobs of one queue by deficit round robin over the ring of organisations that have any.
 * A turn is an organisation's weight × a whole number of jobs; the worker carries the cursor (whose turn, how many it is still owed)
 * from one claim to the next. Paused organisations and those at their limit are left out before anything is counted.
 * One claim a queue at a time (advisory lock): limits are counted from what every worker says it runs, and nobody may count in between.
 */
const claim = `create function claim_jobs(
    the_queue smallint, me int, lease interval, batch int, visit int, cursor_org int, cursor_owed int, running_now jsonb)
  returns table (claim_id bigint, claimed_at timestamptz, next_org int, next_owed int, org int, job background_jobs)
  language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  declare
    the_claim bigint; the_jobs uuid[]; the_orgs int[]; the_runs int[]; the_next_org int; the_next_owed int; added jsonb;
  begin
    perform pg_advisory_xact_lock(7001, the_queue);
    update job_workers set lease_expires_at = carillon_now() + lease, running = jsonb_set(running, array[the_queue::text], running_now)
      where worker = me;
    if not found then
      raise 'worker % has lost its lease', me using errcode = 'CJ001';
    end if;
    if exists (select from queues where number = the_queue and paused_at is not null) then
      return;
    end if;
    -- each step is one look into the index, so the cost is that of the organisations visited, not of the jobs that wait
    with recursive ring (org, lap, place) as (
      select cursor_org - 1, 0, 0
      union all
      select following.org, lap + (following.org <= ring.org)::int, place + 1
        from ring, lateral (select coalesce(
          (select r.org from job_ready r where r.queue = the_queue and r.org > ring.org order by r.queue, r.org limit 1),
          (select r.org from job_ready r where r.queue = the_queue order by r.queue, r.org limit 1)) org offset 0) following
       where lap + (following.org <= ring.org)::int = 0
          or lap + (following.org <= ring.org)::int = 1 and following.org < cursor_org
    ), held as materialized (
      select key::int org, sum(value::int) jobs from job_workers, jsonb_each_text(running -> the_queue::text) group by 1
    ), open as (
      select ring.place, ring.org, coalesce(s.weight, o.weight, 1) weight, coalesce(s.max_running - coalesce(held.jobs, 0), batch) free
        from ring
        left join queue_shares s on s.queue = the_queue and s.org = ring.org
        left join organization_controls o on o.org = ring.org
        left join held on held.org = ring.org
       where ring.place > 0 and o.paused_at is null and coalesce(s.max_running - coalesce(held.jobs, 0), 1) > 0
       limit visit
    ), turn as (
      -- what the last batch cut off comes first; its organisation's own turn then comes last
      select 0 place, org, free, cursor_owed cap from open where org = cursor_org and cursor_owed > 0
      union all
      select case when org = cursor_org and cursor_owed > 0 then 1000000 else place end, org, free, (weight * jobs)::int
        from open, (select ceil(greatest(1, batch / visit::float8, case when count(*) < visit then batch / sum(weight) end)) jobs
                      from open) per_weight
    ), share as (
      select *, least(cap, batch - before) jobs
        from (select *, sum(cap) over (order by place) - cap before from turn) counted where before < batch
    ), taken as (
      delete from job_ready where ctid = any (array(
        select waiting.ctid
          from (select org, least(sum(jobs), min(free)) jobs from share group by org) s,
               lateral (select r.ctid from job_ready r where r.queue = the_queue and r.org = s.org
                         order by r.queue, r.org, r.rank, r.job_id limit s.jobs) waiting))
      returning job_id, org, run
    ), kept as (
      insert into job_claims (worker, queue, claimed_at, jobs, orgs, runs)
        select me, the_queue, carillon_now(), array_agg(job_id), array_agg(org), array_agg(run) from taken having count(*) > 0
        returning claim_id, jobs, orgs, runs
    )
    select kept.claim_id, kept.jobs, kept.orgs, kept.runs, last.org + (last.cap = last.jobs)::int, last.cap - last.jobs
      into the_claim, the_jobs, the_orgs, the_runs, the_next_org, the_next_owed
      from (select * from share order by place desc limit 1) last left join kept on true;
    if the_claim is null then
      -- nothing ready at all gives no row; withheld by limits and pauses gives one without a claim
      return query select null::bigint, carillon_now(), cursor_org, cursor_owed, null::int, null::background_jobs
        where exists (select from job_ready where queue = the_queue);
      return;
    end if;
    -- only limited organisations are counted by others
    select jsonb_object_agg(taken.org::text, taken.jobs + coalesce((running_now ->> taken.org::text)::int, 0)) into added
      from (select o org, count(*) jobs from unnest(the_orgs) o group by 1) taken
      join queue_shares s on s.queue = the_queue and s.org = taken.org and s.max_running > 0;
    if added is not null then
      update job_workers set running = jsonb_set(running, array[the_queue::text], running_now || added) where worker = me;
    end if;
    -- the entry is a hint: the job runs only if the wide row still says so, and belongs to the organisation whose share it took
    return query select the_claim, carillon_now(), the_next_org, the_next_owed, taken.org, mine.job
      from unnest(the_jobs, the_orgs, the_runs) taken (id, org, run)
      left join lateral (select b job from background_jobs b
        where b.id = taken.id and b.run = taken.run and b.status = 'queued'
          and b.organization_id = (select o.id from organizations o where o.number = taken.org)) mine on true;
  end $$`;

/**
 * Ends runs: many results in one statement. The fence is the claim's row (its worker, still there) and the job's run; an id that does
 * not come back was not ours any more, and nothing of it was written. The claim is locked FOR SHARE, so that a rescuer either waits
 * for this commit and then sees the raised run, or has deleted the claim and we change nothing.
 * A result that puts a job back is refused while its cancel is asked for; one with if_cancel_requested only counts in that case.
 */
const finish = `create function finish_runs(me int, worker_name text, results jsonb, emptied bigint[])
  returns table (id uuid, attempt int) language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  begin
    return query with fence as materialized (
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
        active_key = case when r.status = 'queued' then b.active_key end,
        failed_at = case when r.status = 'failed' then carillon_now() end,
        completed_at = case when r.status <> 'queued' then carillon_now() end,
        started_at = coalesce(r.started_at, b.started_at),
        updated_at = carillon_now()
      from jsonb_to_recordset(results) r (id uuid, claim bigint, run int, queue smallint, org int, status text, outcome text,
        counts boolean, retry_count int, worker_lost_count int, due_at timestamptz, result jsonb, error_code text, error_message text,
        error_stack text, started_at timestamptz, progress smallint, progress_message text, reported boolean, subject_type text,
        subject_id text, if_cancel_requested boolean)
      where b.id = r.id and b.run = r.run and b.status = 'queued' and r.claim = any (array(select claim_id from fence))
        and case when r.if_cancel_requested then b.cancel_requested_at is not null
                 else r.status <> 'queued' or b.cancel_requested_at is null end
      returning b.id, b.organization_id, b.run, b.attempt_count, b.priority, b.next_retry_at, b.run_at, r.queue, r.org, r.status,
        r.outcome, r.counts, r.due_at, r.error_code, r.error_message, r.error_stack, r.started_at, r.reported
    ), history as (
      insert into job_attempts (job_id, number, organization_id, worker, outcome, error_code, error_message, error_stack, started_at, ended_at)
        select id, attempt_count, organization_id, worker_name, outcome, error_code, error_message, error_stack, started_at, carillon_now()
          from ended where counts
    ), again as (
      insert into job_ready (job_id, queue, org, rank, run)
        select id, queue, org, job_rank(coalesce(next_retry_at, run_at), priority), run
          from ended where status = 'queued' and coalesce(due_at, carillon_now()) <= carillon_now()
        on conflict (queue, org, rank, job_id) do update set run = excluded.run
    ), later as (
      insert into job_later (job_id, due_at, queue, org, rank, run)
        select id, due_at, queue, org, job_rank(due_at, priority), run from ended where status = 'queued' and due_at > carillon_now()
        on conflict (job_id) do update set due_at = excluded.due_at, rank = excluded.rank, run = excluded.run
    ), unreported as (
      delete from job_progress where job_id = any (array(select id from ended where reported))
    ), dropped as (
      delete from job_claims where claim_id = any (emptied) and worker = me
    )
    select ended.id, ended.attempt_count from ended;
  end $$`;

const reading = [
  // Claims hold jobs of many organisations; this is the one window carillon_app has on them.
  `create function running_jobs_of_current_organization() returns table (job_id uuid, run int, claimed_at timestamptz, worker text)
     language sql stable security definer set search_path = pg_catalog, public, pg_temp rows 100 as $$
     select mine.id, mine.run, c.claimed_at, w.name
       from job_claims c join job_workers w using (worker), unnest(c.jobs, c.orgs, c.runs) mine (id, org, run)
      where mine.org = (select number from organizations where id = carillon_current_organization()) $$`,
  `create function running_jobs() returns table (job_id uuid, run int, claimed_at timestamptz, worker text)
     language plpgsql stable rows 100 as $$
   begin
     if current_user = 'carillon_app' then
       return query select * from running_jobs_of_current_organization();
     else
       return query select mine.id, mine.run, c.claimed_at, w.name
         from job_claims c join job_workers w using (worker), unnest(c.jobs, c.runs) mine (id, run);
     end if;
   end $$`,
  `comment on function running_jobs() is 'jobs that stand in a claim; one whose run is not the row''s run has ended since'`,
  // The few claims become one map, made once a query, and not at all where only ended jobs are read. The lateral subquery cannot be
  // pulled up (offset 0), so that the map stays one and its row's entry is looked up once; being lateral it always comes second in
  // the join, so that a list still follows its index.
  `create view background_job_view with (security_invoker = true) as
   select b.id, b.organization_id, b.queue, b.job_type,
     case when running.entry is null then b.status else 'processing' end status,
     b.priority, b.payload, b.result, b.error_message, b.error_code,
     case when running.entry is null then b.progress when p.run = b.run then p.percent else 0 end progress,
     case when running.entry is null then b.progress_message when p.run = b.run then p.message end progress_message,
     b.retry_count, b.max_retries, b.next_retry_at, b.backoff, b.run_at, b.timeout_seconds, b.unique_key, b.active_key, b.unique_until,
     b.concurrency_key, b.tags, b.trace_parent, b.subject_type, b.subject_id, b.schedule_id, b.scheduled_for, b.batch_id,
     b.idempotency_key, b.idempotency_hash, b.run, b.attempt_count, b.worker_lost_count, b.failed_at, b.cancel_requested_at,
     b.cancel_reason,
     coalesce((running.entry ->> 'at')::timestamptz, b.started_at) started_at,
     b.completed_at, b.created_at, b.updated_at, b.created_by, b.updated_by,
     running.entry ->> 'worker' worker
   from background_jobs b
   cross join lateral (
     select case when b.status = 'queued' then
       (select jsonb_object_agg(job_id || ':' || run, jsonb_build_object('at', claimed_at, 'worker', worker)) from running_jobs())
         -> (b.id || ':' || b.run) end entry
     offset 0) running
   left join job_progress p on p.job_id = b.id`,
];

const grants = [
  `revoke execute on function claim_jobs(smallint, int, interval, int, int, int, int, jsonb), finish_runs(int, text, jsonb, bigint[])
     from public`,
  `grant execute on function claim_jobs(smallint, int, interval, int, int, int, int, jsonb), finish_runs(int, text, jsonb, bigint[])
     to carillon_engine`,
  `revoke execute on function running_jobs_of_current_organization() from public`,
  `grant execute on function running_jobs_of_current_organization() to carillon_app`,
  `grant select on background_job_view to carillon_app, carillon_platform, carillon_engine`,
];
