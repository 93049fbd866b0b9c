import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The claim: how a worker gets jobs. */
export class CreateClaimFunction1763800125000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [startsWithinMinute, claim, ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function claim_jobs(smallint, int, int, int, int, int, jsonb)`);
    await runner.query(`drop function starts_within_minute(text, bigint)`);
  }
}

// The planner must not choose: with stale statistics, or none, a hash join or a sequential scan of a table that was just filled costs
// a hundred times as much as the index, and JIT alone 4.5 s.
const onlyByIndex = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set jit = off set plan_cache_mode = force_generic_plan`;

/** Whole seconds, this one and the 60 before it: whatever 60 s are looked at, no more than the limit have started in them. */
const startsWithinMinute = `create function starts_within_minute(the_gate text, this_second bigint) returns bigint language sql stable as
  $$ select coalesce(sum(starts), 0) from job_starts where gate = the_gate and second >= this_second - 60 $$`;

/**
 * Takes up to `batch` ready jobs of one queue by deficit round robin over the ring of organisations that have any.
 * A turn is an organisation's weight × a whole number of jobs; the worker carries the cursor (whose turn, how many it is still owed)
 * from one claim to the next. Paused organisations and those at a limit are left out before anything is counted.
 * One claim a queue at a time (advisory lock): limits are counted from what every worker says it runs, and nobody may count in between.
 * Its commit does not wait for the disk: a claim is no result. Where the server crashes within the next moments the claim has never been,
 * its jobs are ready as before, and the worker either claims them again and goes on, or has its results refused. Once any result of a
 * claim is stored, so is the claim, for the log is one.
 * The worker's row is written only where something is limited: its versions would pile up under a long transaction.
 */
const claim = `create function claim_jobs(
    the_queue smallint, me int, batch int, visit int, cursor_org int, cursor_owed int, running_now jsonb)
  returns table (claim_id bigint, claimed_ms float8, next_org int, next_owed int, org int, withheld boolean, slot boolean,
    waited_ms float8, cancel_requested boolean, id uuid, organization_id uuid, queue text, job_type text, payload jsonb, retry_count int,
    max_retries int, backoff jsonb, timeout_seconds int, attempt_count int, worker_lost_count int, run int, subject_type text,
    subject_id text, created_by uuid, trace_parent text)
  language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  declare
    limits queues; orgs_limited boolean; shares_limited boolean; any_gated boolean; this_second bigint;
    the_claim bigint; the_jobs uuid[]; the_orgs int[]; the_runs int[]; the_next_org int; the_next_owed int; added jsonb;
  begin
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(7001, the_queue);
    perform from job_workers where worker = me for no key update;
    if not found then
      raise 'worker % has lost its lease', me using errcode = 'CJ001';
    end if;
    select * into limits from queues where number = the_queue;
    if limits.paused_at is not null then
      return;
    end if;
    orgs_limited := exists (select from organization_controls where max_running is not null or per_minute is not null);
    shares_limited := exists (select from queue_shares where queue = the_queue and (max_running is not null or per_minute is not null));
    if orgs_limited then
      perform pg_advisory_xact_lock(7002, 0); -- such a limit spans the queues
    end if;
    if orgs_limited or shares_limited or limits.max_running is not null then
      update job_workers set running = running_now where worker = me;
    end if;
    this_second := extract(epoch from carillon_now());
    if limits.max_running is not null then
      batch := least(batch, limits.max_running - (select coalesce(sum(value::int), 0)
        from job_workers, jsonb_each_text(running -> the_queue::text)));
    end if;
    if limits.per_minute is not null then
      batch := least(batch, limits.per_minute - starts_within_minute('queue:' || the_queue, this_second));
    end if;
    -- each step is one look into the index, so the cost is that of the organisations visited, not of the jobs that wait
    with recursive ring (org, lap, place) as (
      select cursor_org - 1, 0, 0 where batch > 0
      union all
      select following.org, lap + (following.org <= ring.org)::int, place + 1
        from ring, lateral (select coalesce(
          (select r.org from job_ready r where r.queue = the_queue and r.org > ring.org order by r.queue, r.org limit 1),
          (select r.org from job_ready r where r.queue = the_queue order by r.queue, r.org limit 1)) org offset 0) following
       where lap + (following.org <= ring.org)::int = 0
          or lap + (following.org <= ring.org)::int = 1 and following.org < cursor_org
    ), held as materialized (
      select o.key::int org, sum(o.value::int) filter (where q.key = the_queue::text) here, sum(o.value::int) everywhere
        from job_workers, jsonb_each(running) q, jsonb_each_text(q.value) o
       where orgs_limited or shares_limited group by 1
    ), open as (
      select ring.place, ring.org, coalesce(s.weight, o.weight, 1) weight, room.jobs free
        from ring
        left join queue_shares s on s.queue = the_queue and s.org = ring.org
        left join organization_controls o on o.org = ring.org
        left join held on held.org = ring.org,
        lateral (select least(batch, s.max_running - coalesce(held.here, 0), o.max_running - coalesce(held.everywhere, 0),
          case when s.per_minute is not null then
            s.per_minute - starts_within_minute('share:' || the_queue || ':' || ring.org, this_second) end,
          case when o.per_minute is not null then o.per_minute - starts_within_minute('org:' || ring.org, this_second) end) jobs
          offset 0) room
       where ring.place > 0 and o.paused_at is null and room.jobs > 0
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
      if exists (select from job_ready where queue = the_queue) then
        claimed_ms := extract(epoch from carillon_now()) * 1000;
        next_org := cursor_org;
        next_owed := cursor_owed;
        return next;
      end if;
      return;
    end if;
    if orgs_limited or shares_limited or limits.max_running is not null then
      select jsonb_object_agg(o::text, jobs + coalesce((running_now -> the_queue::text ->> o::text)::int, 0)) into added
        from (select o, count(*) jobs from unnest(the_orgs) o group by 1) taken;
      update job_workers set running = jsonb_set(running_now, array[the_queue::text],
        coalesce(running_now -> the_queue::text, '{}') || added), running_as_of = the_claim where worker = me;
    end if;
    if orgs_limited or shares_limited or limits.per_minute is not null then
      insert into job_starts as s (gate, second, starts)
        select gate, this_second, sum(jobs)
          from (select o, count(*) jobs from unnest(the_orgs) o group by 1) taken,
          lateral (
            select 'queue:' || the_queue gate where limits.per_minute is not null
            union all
            select 'share:' || the_queue || ':' || o where exists (
              select from queue_shares where queue = the_queue and org = o and per_minute is not null)
            union all
            select 'org:' || o where exists (select from organization_controls where org = o and per_minute is not null)) limited
         group by gate order by gate
      on conflict (gate, second) do update set starts = s.starts + excluded.starts;
    end if;
    any_gated := exists (select from job_type_controls where gated);
    -- the entry is a hint: the job runs only if the wide row still says so, and belongs to the organisation whose share it took.
    -- What all rows have in common stands in the first: a worker reads thousands of them a second.
    return query select case when taken.place = 1 then the_claim end, case when taken.place = 1 then extract(epoch from carillon_now())::float8 * 1000 end,
        case when taken.place = 1 then the_next_org end, case when taken.place = 1 then the_next_owed end, taken.org,
        mine.gated and (mine.paused or mine.concurrency_key is not null and not mine.key_slot or mine.type_gated and not mine.type_slot),
        mine.gated, extract(epoch from carillon_now() - greatest(mine.run_at, mine.next_retry_at, mine.created_at))::float8 * 1000,
        mine.cancel_requested_at is not null, mine.id, mine.organization_id, mine.queue, mine.job_type, mine.payload, mine.retry_count,
        mine.max_retries, mine.backoff, mine.timeout_seconds, mine.attempt_count, mine.worker_lost_count, mine.run, mine.subject_type,
        mine.subject_id, mine.created_by, mine.trace_parent
      from unnest(the_jobs, the_orgs, the_runs) with ordinality taken (id, org, run, place)
      left join lateral (
        select b.*, b.concurrency_key is not null or c.gated is true gated, c.gated is true type_gated, c.paused_at is not null paused,
            slot.job_id is not null key_slot, slot.job_type is not null type_slot
          from background_jobs b
          left join job_type_controls c on any_gated and c.job_type = b.job_type and c.gated
          left join job_slots slot on (b.concurrency_key is not null or c.gated) and slot.job_id = b.id and slot.run = b.run
         where b.id = taken.id and b.run = taken.run and b.status = 'queued'
           and b.organization_id = (select o.id from organizations o where o.number = taken.org)) mine on true;
  end $$`;

const grants = [
  `revoke execute on function claim_jobs(smallint, int, int, int, int, int, jsonb), starts_within_minute(text, bigint) from public`,
  `grant execute on function claim_jobs(smallint, int, int, int, int, int, jsonb), starts_within_minute(text, bigint) to carillon_engine`,
];
