import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What keeps the engine's narrow tables quick while vacuum may not remove their dead rows: somebody's transaction is open, and whatever
 * was deleted since then stays. A claim walks over it from the front of its index, 0.4 µs a row.
 */
export class CreateUpkeepFunctions1763800129000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [rewrite, oldest, maintain('grant', 'to'), ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(maintain('revoke', 'from'));
    await runner.query(`drop function oldest_snapshot(), rewrite_narrow_table(text, int, int)`);
  }
}

/** Nothing refers to these but job_claims to job_workers, and what stands in them is copied in milliseconds. */
const narrow = [
  'job_ready',
  'job_later',
  'job_held',
  'job_slots',
  'job_starts',
  'job_gates_to_check',
  'job_claims',
  'job_workers',
  'job_progress',
  'job_statistics_deltas',
];

/**
 * Empties a narrow table and puts its live rows back, so that its dead ones are gone whoever might still have seen them. (A transaction
 * that is older and reads the table for the first time afterwards finds it empty. Nobody decides by such a reading.) Answers how many rows
 * it put back; null when there are more than `most`, another process is at it, or the table is small anyhow.
 * Waits no longer than `patience_ms` for the table (55P03 then): who inserts meanwhile waits behind us. A transaction that has read the table
 * itself, such as pg_dump's, cannot be got round.
 */
const rewrite = `create function rewrite_narrow_table(the_table text, most int, patience_ms int) returns int language plpgsql
  security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '50ms' set jit = off as $$
  declare
    rows_before bigint; live text; claims text;
  begin
    if the_table <> all (array[${narrow.map((name) => `'${name}'`).join(', ')}]) then
      raise '% is none of the narrow tables', the_table;
    end if;
    if not pg_try_advisory_xact_lock(7003, 0) or pg_relation_size(the_table::regclass) < 262144 then
      return null;
    end if;
    execute format('select count(*) from (select from %I limit $1 + 1) counted', the_table) into rows_before using most;
    if rows_before > most then
      return null;
    end if;
    -- no claim is under way once we ask for the table: else the others would wait behind us for as long as it takes. Behind this lock
    -- wait only claims, and they may be slow already, which is why we are here.
    set local lock_timeout = '2s';
    perform pg_advisory_xact_lock(7001, number) from (select number from queues order by number) q;
    perform set_config('lock_timeout', patience_ms || 'ms', true);
    if the_table = 'job_workers' then
      -- in the order in which claims take them
      lock table job_workers, job_claims in access exclusive mode;
      select array_agg(c)::text into claims from job_claims c;
    else
      execute format('lock table %I in access exclusive mode', the_table);
    end if;
    execute format('select array_agg(t)::text, count(*) from %I t', the_table) into live, rows_before;
    if the_table = 'job_workers' then
      truncate job_workers, job_claims;
    else
      execute format('truncate %I', the_table);
    end if;
    execute format('insert into %1$I overriding system value select r.* from unnest($1::%1$I[]) r', the_table) using live;
    if claims is not null then
      insert into job_claims overriding system value select r.* from unnest(claims::job_claims[]) r;
    end if;
    return rows_before;
  end $$`;

/**
 * Who has held back vacuum longest: a transaction of this database, a prepared one, a replication slot. Sessions of other logins are seen
 * only if the schema's owner is a member of pg_read_all_stats.
 */
const oldest = `create function oldest_snapshot() returns table (kind text, who text, held_seconds float8, transactions int) language sql
  stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select * from (
    select 'transaction', format('pid %s of user %s (%s), %s', pid, usename, coalesce(nullif(application_name, ''), 'no application name'), state),
        extract(epoch from clock_timestamp() - xact_start)::float8, greatest(age(backend_xid), age(backend_xmin)) transactions
      from pg_stat_activity
     where coalesce(backend_xid, backend_xmin) is not null and pid <> pg_backend_pid()
       and (datname = current_database() or datname is null) and backend_type is distinct from 'autovacuum worker'
    union all
    select 'prepared transaction', gid, extract(epoch from clock_timestamp() - prepared)::float8, age(transaction)
      from pg_prepared_xacts where database = current_database()
    union all
    select 'replication slot', slot_name, null, age(xmin) from pg_replication_slots where xmin is not null
  ) held order by transactions desc limit 1 $$`;

/** From PostgreSQL 17 on the right to VACUUM can be given; before, autovacuum comes when it comes. */
const maintain = (verb: string, preposition: string) => `do $$ begin
  if current_setting('server_version_num')::int >= 170000 then
    ${verb} maintain on ${narrow.join(', ')} ${preposition} carillon_engine;
  end if;
end $$`;

const grants = [
  `revoke execute on function rewrite_narrow_table(text, int, int), oldest_snapshot() from public`,
  `grant execute on function rewrite_narrow_table(text, int, int), oldest_snapshot() to carillon_engine`,
];
