import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How held jobs are let go: parents, batches, concurrency keys and the limits of types. */
export class CreateGatesFunction1763800127000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [place, release, parents, batches, key, usable, type, open, sweep, ...changes, ...grants])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of changing) await runner.query(`drop trigger ${table}_change_gates on ${table}`);
    await runner.query(`drop function check_all_gates(), ${functions}`);
  }
}

// As for the claim: with tables that fill and empty all day no statistics are right.
const onlyByIndex = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
  set jit = off set plan_cache_mode = force_generic_plan`;

/** Where a held job goes that nothing withholds any more; one that is stale goes nowhere. Answers its queue if it became ready. */
const place = `create function place_held_job(held job_held) returns smallint language plpgsql ${onlyByIndex} as $$
  declare
    due timestamptz;
  begin
    delete from job_held where job_id = held.job_id;
    select greatest(run_at, next_retry_at) into due from background_jobs where id = held.job_id and run = held.run and status = 'queued';
    if not found then
      return null;
    end if;
    if due > carillon_now() then
      insert into job_later (job_id, due_at, queue, org, rank, run, bytes)
        values (held.job_id, due, held.queue, held.org, held.rank, held.run, held.bytes)
        on conflict (job_id) do update set due_at = excluded.due_at, rank = excluded.rank, run = excluded.run;
      return null;
    end if;
    insert into job_ready (job_id, queue, org, rank, run, bytes)
      values (held.job_id, held.queue, held.org, held.rank, held.run, held.bytes)
      on conflict (queue, org, rank, job_id) do update set run = excluded.run;
    return held.queue;
  end $$`;

/**
 * Children whose parents have all completed go on. An unfinished parent is locked before its child is put aside: a finisher that is
 * just ending it either has committed, and we see that, or will see the child; one that holds the lock is looked at again.
 */
const parents = `create function open_parent_gates(most int) returns setof smallint language plpgsql ${onlyByIndex} as $$
  declare
    children uuid[]; unfinished uuid[]; child job_held; released smallint;
  begin
    children := array(select job_id from job_held where recheck and awaits_parents order by job_id limit most);
    if cardinality(children) = 0 then
      return;
    end if;
    unfinished := array(
      select p.id from background_jobs p
       where p.id = any (array(select parent_id from job_dependencies where job_id = any (children))) and p.status <> 'completed'
         for share skip locked);
    update job_held set recheck = false
     where job_id = any (array(select job_id from job_dependencies where job_id = any (children) and parent_id = any (unfinished)));
    for child in select * from job_held h
      where h.job_id = any (children) and not exists (
        select from job_dependencies d left join background_jobs p on p.id = d.parent_id
         where d.job_id = h.job_id and p.status is distinct from 'completed')
      for update skip locked
    loop
      delete from job_dependencies where job_id = child.job_id;
      released := release_from_family(child);
      if released is not null then
        return next released;
      end if;
    end loop;
  end $$`;

/** The completion job of each batch that has no member left. */
const batches = `create function open_batch_gates(most int) returns setof smallint language plpgsql ${onlyByIndex} as $$
  declare
    waiting job_held; finished boolean; released smallint;
  begin
    for waiting in select * from job_held where recheck and awaits_batch is not null order by job_id limit most
      for update skip locked
    loop
      select pending = 0 into finished from job_batches where id = waiting.awaits_batch for update skip locked;
      if not found then
        continue; -- somebody is adding to it
      end if;
      if finished then
        update job_batches set finished_at = coalesce(finished_at, carillon_now()) where id = waiting.awaits_batch;
        released := release_from_family(waiting);
        if released is not null then
          return next released;
        end if;
      else
        update job_held set recheck = false where job_id = waiting.job_id;
      end if;
    end loop;
  end $$`;

/** From waiting for others to its own gates, or straight to where it goes. */
const release = `create function release_from_family(held job_held) returns smallint language plpgsql ${onlyByIndex} as $$
  begin
    if exists (select from background_jobs where id = held.job_id and greatest(run_at, next_retry_at) <= carillon_now())
      and (held.concurrency_key is not null or exists (select from job_type_controls where job_type = held.job_type and gated)) then
      update job_held set awaits_parents = false, awaits_batch = null, recheck = true where job_id = held.job_id;
      return null;
    end if;
    return place_held_job(held);
  end $$`;

// Held jobs that somebody's open transaction has in hand (a cancel, a replacement) are passed over and looked at again: whoever takes
// his time with a job must not keep all the others waiting.

/**
 * As many of a key's jobs as may run beside those that do, first come first served. A slot counts while its job is queued at that run.
 * Where the type is limited too the job has its key's slot from now on and waits for its type's.
 */
const key = `create function open_key_gate(the_org int, the_key text, this_second bigint) returns setof smallint
  language plpgsql ${onlyByIndex} as $$
  declare
    head job_held; controls job_type_controls; the_gate text := 'key:' || the_org || ':' || the_key; per_minute int; ready_in smallint;
  begin
    loop
      select * into head from job_held where org = the_org and concurrency_key = the_key and not awaits_parents and awaits_batch is null
        order by org, concurrency_key, rank, job_id limit 1 for update skip locked;
      if not found then
        insert into job_gates_to_check (org, concurrency_key) select the_org, the_key where exists (
          select from job_held where org = the_org and concurrency_key = the_key and not awaits_parents and awaits_batch is null);
        exit;
      end if;
      select * into controls from job_type_controls where job_type = head.job_type;
      exit when (select count(*) from job_slots s join background_jobs b on b.id = s.job_id and b.run = s.run and b.status = 'queued'
                  where s.org = the_org and s.concurrency_key = the_key)
        >= coalesce(controls.key_max_running, controls.declared_key_max_running, 1);
      if not exists (select from background_jobs where id = head.job_id and run = head.run and status = 'queued') then
        delete from job_held where job_id = head.job_id;
        continue;
      end if;
      per_minute := coalesce(controls.key_per_minute, controls.declared_key_per_minute);
      if per_minute is not null then
        if starts_within_minute(the_gate, this_second) >= per_minute then
          insert into job_gates_to_check (org, concurrency_key) values (the_org, the_key); -- asks again when the minute is over
          exit;
        end if;
        insert into job_starts as s (gate, second, starts) values (the_gate, this_second, 1)
          on conflict (gate, second) do update set starts = s.starts + 1;
      end if;
      insert into job_slots (job_id, run, org, concurrency_key) values (head.job_id, head.run, the_org, the_key)
        on conflict (job_id) do update set run = excluded.run, job_type = null, concurrency_key = excluded.concurrency_key;
      if controls.gated then
        update job_held set concurrency_key = null where job_id = head.job_id;
        insert into job_gates_to_check (job_type) values (head.job_type);
      else
        ready_in := place_held_job(head);
        if ready_in is not null then
          return next ready_in;
        end if;
      end if;
    end loop;
  end $$`;

/**
 * As many of a type's jobs as its limits leave room for, one of each organisation in turn: one that floods does not keep others out.
 * Passed over are organisations and queues that are paused, and organisations at their own limit: their slots would lie idle.
 */
const type = `create function open_type_gate(the_type text, most int, this_second bigint) returns setof smallint
  language plpgsql ${onlyByIndex} as $$
  declare
    head job_held; controls job_type_controls; free int; used int; per_minute int; turn int; passed int := 0; first_passed int; ready_in smallint;
  begin
    select * into controls from job_type_controls where job_type = the_type;
    if controls.paused_at is not null then
      return;
    end if;
    used := (select count(*) from job_slots s join background_jobs b on b.id = s.job_id and b.run = s.run and b.status = 'queued'
              where s.job_type = the_type);
    free := least(most, coalesce(controls.max_running, controls.declared_max_running) - used);
    per_minute := coalesce(controls.per_minute, controls.declared_per_minute);
    if per_minute is not null then
      free := least(free, per_minute - starts_within_minute('type:' || the_type, this_second));
    end if;
    turn := coalesce(controls.last_org, 0);
    while free > 0 loop
      select * into head from job_held where job_type = the_type and org > turn and concurrency_key is null
          and not awaits_parents and awaits_batch is null order by job_type, org, rank, job_id limit 1 for update skip locked;
      if not found then
        exit when turn = 0;
        turn := 0;
        continue;
      end if;
      turn := head.org;
      if not type_slots_usable(head.org, head.queue, the_type) then
        exit when first_passed = head.org; -- a whole round without one that may go
        first_passed := coalesce(first_passed, head.org);
        continue;
      end if;
      ready_in := place_held_job(head);
      if ready_in is not null then
        if controls.gated then
          insert into job_slots (job_id, run, job_type, org) values (head.job_id, head.run, the_type, head.org)
            on conflict (job_id) do update set job_type = excluded.job_type, run = excluded.run;
        end if;
        free := free - 1;
        passed := passed + 1;
        first_passed := null;
        return next ready_in;
      end if;
    end loop;
    if passed > 0 then
      update job_type_controls set last_org = turn where job_type = the_type;
      if per_minute is not null then
        insert into job_starts as s (gate, second, starts) values ('type:' || the_type, this_second, passed)
          on conflict (gate, second) do update set starts = s.starts + excluded.starts;
      end if;
    end if;
    if (passed = most or free > 0 or per_minute is not null and free <= 0) and exists (
      select from job_held where job_type = the_type and concurrency_key is null and not awaits_parents and awaits_batch is null) then
      insert into job_gates_to_check (job_type) values (the_type);
    end if;
  end $$`;

const usable = `create function type_slots_usable(the_org int, the_queue smallint, the_type text) returns boolean language sql stable as $$
  select not exists (select from queues where number = the_queue and paused_at is not null)
    and not exists (select from organization_controls where org = the_org and (paused_at is not null
      or max_running <= (select count(*) from job_slots where job_type = the_type and org = the_org)))
    and not exists (select from queue_shares where queue = the_queue and org = the_org
      and max_running <= (select count(*) from job_slots where job_type = the_type and org = the_org)) $$`;

/**
 * Lets go whatever may go, at most `most` of each kind; one process at a time. Answers the queues that got jobs, and in each row
 * after how many milliseconds to look again (null: when told); one row at least if there was anything to look at.
 */
const open = `create function open_gates(most int) returns table (queue text, look_again_ms int) language plpgsql ${onlyByIndex} as $$
  #variable_conflict use_column
  declare
    this_second bigint; got smallint[]; looked_at int; the_types text[]; key_orgs int[]; keys text[]; again int;
  begin
    if not exists (select from job_held where recheck) and not exists (select from job_gates_to_check) then
      return;
    end if;
    perform pg_advisory_xact_lock(7003, 0);
    this_second := extract(epoch from carillon_now());
    got := array(select open_parent_gates(most)) || array(select open_batch_gates(most));
    with looked as (
      update job_held set recheck = false where job_id = any (array(
        select job_id from job_held where recheck and not awaits_parents and awaits_batch is null order by job_id limit most
          for update skip locked))
      returning job_type, org, concurrency_key
    ), told as (
      delete from job_gates_to_check returning job_type, org, concurrency_key
    ), gate as materialized (
      select distinct job_type, org, concurrency_key from (select * from looked union all select * from told) every_one
    ), limited_key as (
      select distinct org, concurrency_key from gate where concurrency_key is not null
    )
    select (select count(*) from looked), array(select distinct job_type from gate where job_type is not null),
        array(select org from limited_key order by org, concurrency_key), array(select concurrency_key from limited_key order by org, concurrency_key)
      into looked_at, the_types, key_orgs, keys;
    for i in 1 .. cardinality(keys) loop
      got := got || array(select open_key_gate(key_orgs[i], keys[i], this_second));
    end loop;
    -- those whose jobs have just got their keys' slots
    with told as (delete from job_gates_to_check where job_type is not null returning job_type)
      select array(select job_type from told union select unnest(the_types)) into the_types;
    for i in 1 .. cardinality(the_types) loop
      got := got || array(select open_type_gate(the_types[i], most, this_second));
    end loop;
    again := case when looked_at = most or cardinality(got) >= most then 0 when exists (select from job_gates_to_check) then 250 end;
    return query select q.name, again from (select distinct unnest(got) number) g join queues q using (number)
      union all select null, again;
  end $$`;

/** What nobody will announce: slots of jobs that were cancelled, deleted or are withheld by a pause, and minutes that are over. */
const sweep = `create function sweep_gates() returns void language sql as $$
  with idle as (
    select s.job_id
      from job_slots s
      join background_jobs b on b.id = s.job_id
      left join queues q on q.name = b.queue
      left join organization_controls o on o.org = s.org
     where s.job_type is not null and least(q.paused_at, o.paused_at) < carillon_now() - interval '5 seconds'
    except select r.job_id from running_jobs() r
  ), void as (
    delete from job_slots s
     where s.job_id in (select idle.job_id from idle)
        or not exists (select from background_jobs b where b.id = s.job_id and b.run = s.run and b.status = 'queued')
    returning job_type, org, concurrency_key
  ), over as (
    delete from job_starts where second < extract(epoch from carillon_now()) - 120
  )
  insert into job_gates_to_check (job_type, org, concurrency_key) select distinct job_type, org, concurrency_key from void $$`;

// A limit or pause that changes is rare, so its NOTIFY may stand in the transaction; whoever changes it, by whatever way, is heard.
const changing = ['job_type_controls', 'organization_controls', 'queue_shares', 'queues'];
const limitsOfTypes = `declared_max_running, declared_per_minute, declared_key_max_running, declared_key_per_minute, max_running,
  per_minute, key_max_running, key_per_minute, paused_at`;
const changes = [
  `create function check_all_gates() returns trigger language plpgsql as $$
   begin
     insert into job_gates_to_check (job_type) select job_type from job_type_controls;
     if tg_table_name = 'job_type_controls' then
       update job_held set recheck = true where not recheck and concurrency_key is not null;
     end if;
     perform pg_notify('carillon_jobs', 'controls ' || topic) from unnest(array['#', '*']) topic;
     return null;
   end $$`,
  ...changing.map(
    (
      table,
    ) => `create trigger ${table}_change_gates after update${table === 'job_type_controls' ? ` of ${limitsOfTypes}` : ''} or delete
      ${table === 'queues' ? '' : 'or insert'} on ${table} for each statement execute function check_all_gates()`,
  ),
];

const functions = `open_gates(int), open_type_gate(text, int, bigint), open_key_gate(int, text, bigint), open_batch_gates(int),
  open_parent_gates(int), type_slots_usable(int, smallint, text), release_from_family(job_held), place_held_job(job_held), sweep_gates()`;
const grants = [
  `revoke execute on function ${functions} from public`,
  `grant execute on function ${functions} to carillon_engine`,
];
