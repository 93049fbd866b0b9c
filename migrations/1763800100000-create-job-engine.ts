import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The tables of the job engine: the wide row that tells a job's whole life, its history, and the narrow tables that decide who runs next.
 *
 * `background_jobs` is the truth. A ready job also stands in `job_ready`, a future one in `job_later`, a running one in a row of
 * `job_claims`. An entry there names the job and its run; where the wide row has moved on (cancelled, another run, deleted) the entry
 * is stale and whoever takes it drops it, so nobody has to hunt entries down inside a request.
 */
export class CreateJobEngine1763800100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...wideTables, ...narrowTables, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table job_progress, job_log_entries, job_attempts, background_jobs`);
    await runner.query(`drop table job_later, job_ready, job_claims, job_workers, queue_shares, queues`);
    await runner.query(`drop function job_rank(timestamptz, smallint), carillon_current_organization_number()`);
    await runner.query(
      `drop function forget_traces_of_deleted_jobs(), job_tag_keys(uuid, text[]), tagged_jobs(uuid, text, int), tagged_jobs_of_current_organization(text, int)`,
    );
  }
}

const wideTables = [
  // No index and no index predicate names a column that finishing a job changes, and a page keeps more than half free: the finishing
  // update stays on its page (HOT) even when a batch rewrites the whole page at once. failed_at and active_key are the exceptions that
  // only failed and only unique jobs pay for.
  // No foreign key from attempts, logs and progress: its check would cost every finished job; a trigger cleans up instead.
  `create table background_jobs (
     id uuid constraint background_jobs_pk primary key,
     organization_id uuid not null constraint background_jobs_organization_fk references organizations on delete cascade,
     queue text not null,
     job_type text not null constraint background_jobs_job_type_length check (length(job_type) between 1 and 200),
     status text not null default 'queued'
       constraint background_jobs_status_known check (status in ('queued', 'completed', 'failed', 'cancelled')),
     priority smallint not null default 0,
     payload jsonb not null default '{}'::jsonb,
     result jsonb,
     error_message text,
     error_code text,
     progress smallint not null default 0 constraint background_jobs_progress_range check (progress between 0 and 100),
     progress_message text,
     retry_count int not null default 0,
     max_retries int not null default 3 constraint background_jobs_max_retries_range check (max_retries between 0 and 1000),
     next_retry_at timestamptz,
     backoff jsonb,
     run_at timestamptz not null default carillon_now(),
     timeout_seconds int constraint background_jobs_timeout_positive check (timeout_seconds > 0),
     unique_key text,
     active_key text,
     unique_until timestamptz,
     concurrency_key text,
     tags text[] not null default '{}',
     trace_parent text,
     subject_type text,
     subject_id text,
     schedule_id uuid,
     scheduled_for timestamptz,
     batch_id uuid,
     idempotency_key text constraint background_jobs_idempotency_key_length check (length(idempotency_key) between 1 and 255),
     idempotency_hash text,
     run int not null default 0,
     attempt_count int not null default 0,
     worker_lost_count int not null default 0,
     failed_at timestamptz,
     cancel_requested_at timestamptz,
     cancel_reason text,
     started_at timestamptz,
     completed_at timestamptz,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now(),
     created_by uuid,
     updated_by uuid,
     unsuccessful text generated always as (case when status in ('failed', 'cancelled') then status end) stored,
     unsuccessful_code text generated always as (case when status in ('failed', 'cancelled') then error_code end) stored,
     constraint background_jobs_ended_is_dated check ((status = 'queued') = (completed_at is null)),
     constraint background_jobs_failed_is_dated check ((status = 'failed') = (failed_at is not null)),
     constraint background_jobs_subject_whole check ((subject_type is null) = (subject_id is null)),
     constraint background_jobs_idempotency_whole check ((idempotency_key is null) = (idempotency_hash is null))
   ) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02,
           autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 1)`,
  `comment on column background_jobs.status is 'as stored; "processing" is derived by background_job_view: a queued job that stands in a claim'`,
  `comment on column background_jobs.run is 'raised by every end of a run and by every cancel and retry: the fence of all that was claimed before'`,
  `comment on column background_jobs.attempt_count is 'attempts that have ended; a snooze and a release are none'`,
  `comment on column background_jobs.unsuccessful is 'what indexes may name of status: a job that completes does not change it, so its update stays HOT'`,
  `comment on column background_jobs.active_key is 'the unique key while the job has not ended, or until unique_until where that is later'`,
  `create index background_jobs_organization on background_jobs (organization_id, id)`,
  `create index background_jobs_organization_type on background_jobs (organization_id, job_type, id)`,
  // a person's own jobs; work of the system has no creator and pays nothing
  `create index background_jobs_creator on background_jobs (created_by, organization_id, id) where created_by is not null`,
  `create index background_jobs_failed on background_jobs (failed_at) where failed_at is not null`,
  // lists of what failed or was cancelled, of an organisation and of all; only such jobs pay for them
  `create index background_jobs_unsuccessful on background_jobs (organization_id, unsuccessful, id) where unsuccessful is not null`,
  `create index background_jobs_unsuccessful_everywhere on background_jobs (unsuccessful, id) where unsuccessful is not null`,
  `create index background_jobs_error_code on background_jobs (organization_id, unsuccessful_code, id) where unsuccessful_code is not null`,
  `create index background_jobs_error_code_everywhere on background_jobs (unsuccessful_code, id) where unsuccessful_code is not null`,
  // each tag alone, and after its organisation's id: a tag that all organisations use is still found in one of them at once
  `create function job_tag_keys(organization_id uuid, tags text[]) returns text[] language sql immutable parallel safe as
     $$ select tags || array(select organization_id || ':' || tag from unnest(tags) tag) $$`,
  `create index background_jobs_tags on background_jobs using gin (job_tag_keys(organization_id, tags)) where tags <> '{}'`,
  // Behind a wall the planner may not use this index, because the comparison of arrays is not known to keep what it sees to itself:
  // it would read all rows of the organisation first. So carillon_app has a window that shows its own organisation and no other.
  `create function tagged_jobs_of_current_organization(tag text, most int) returns setof uuid language sql stable security definer
     set search_path = pg_catalog, public, pg_temp rows 100 as $$
     select id from background_jobs where tags <> '{}'
        and job_tag_keys(organization_id, tags) @> array[carillon_current_organization() || ':' || tag] limit most $$`,
  `create function tagged_jobs(organization uuid, tag text, most int) returns setof uuid language plpgsql stable rows 100 as $$
   begin
     if current_user = 'carillon_app' then
       return query select * from tagged_jobs_of_current_organization(tag, most);
     else
       return query select id from background_jobs
         where tags <> '{}' and job_tag_keys(organization_id, tags) @> array[organization || ':' || tag] limit most;
     end if;
   end $$`,
  `revoke execute on function tagged_jobs_of_current_organization(text, int) from public`,
  `grant execute on function tagged_jobs_of_current_organization(text, int) to carillon_app`,
  `create unique index background_jobs_active_key_unique on background_jobs (organization_id, job_type, active_key)
     where active_key is not null`,
  `create unique index background_jobs_idempotency_unique on background_jobs (organization_id, idempotency_key)
     where idempotency_key is not null`,
  `create table job_attempts (
     job_id uuid not null,
     number int not null,
     organization_id uuid not null,
     worker text,
     outcome text not null constraint job_attempts_outcome_known
       check (outcome in ('completed', 'failed', 'timed_out', 'discarded', 'cancelled', 'worker_lost')),
     error_code text,
     error_message text,
     error_stack text,
     started_at timestamptz not null,
     ended_at timestamptz not null,
     constraint job_attempts_pk primary key (job_id, number)
   ) with (autovacuum_vacuum_insert_scale_factor = 0.1)`,
  `create table job_log_entries (
     id bigint generated always as identity constraint job_log_entries_pk primary key,
     job_id uuid not null,
     organization_id uuid not null,
     attempt int not null,
     level text not null constraint job_log_entries_level_known check (level in ('debug', 'info', 'warn', 'error')),
     message text not null,
     data jsonb,
     created_at timestamptz not null default carillon_now()
   )`,
  `create index job_log_entries_job on job_log_entries (job_id, id)`,
  // Rewritten often while a job runs, so it is narrow, half empty, and apart from the wide row.
  `create table job_progress (
     job_id uuid constraint job_progress_pk primary key,
     organization_id uuid not null,
     run int not null,
     percent smallint not null constraint job_progress_range check (percent between 0 and 100),
     message text,
     updated_at timestamptz not null
   ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0)`,
  `create function forget_traces_of_deleted_jobs() returns trigger language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
   begin
     delete from job_attempts where job_id in (select id from deleted);
     delete from job_log_entries where job_id in (select id from deleted);
     delete from job_progress where job_id in (select id from deleted);
     delete from job_dependencies where job_id in (select id from deleted);
     delete from job_held where job_id in (select id from deleted);
     delete from job_later where job_id in (select id from deleted);
     return null;
   end $$`,
  `create trigger background_jobs_forget_traces after delete on background_jobs referencing old table as deleted
     for each statement execute function forget_traces_of_deleted_jobs()`,
];

const narrowTables = [
  `create table queues (
     number smallint generated always as identity constraint queues_pk primary key,
     name text not null constraint queues_name_unique unique
       constraint queues_name_shape check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
     max_running int constraint queues_max_running_range check (max_running >= 0),
     per_minute int constraint queues_per_minute_range check (per_minute >= 0),
     paused_at timestamptz,
     paused_by uuid,
     paused_reason text
   )`,
  // Weights share starts, limits cap slots; what is null here is as the organisation has it over all queues (organization_controls).
  // A weight is at least 1: a turn is weight × a whole number of jobs.
  `create table queue_shares (
     queue smallint not null constraint queue_shares_queue_fk references queues on delete cascade,
     org int not null constraint queue_shares_org_fk references organizations (number) on delete cascade,
     weight real constraint queue_shares_weight_range check (weight between 1 and 1000),
     max_running int constraint queue_shares_max_running_range check (max_running >= 0),
     per_minute int constraint queue_shares_per_minute_range check (per_minute >= 0),
     constraint queue_shares_pk primary key (queue, org)
   )`,
  // Waiting ages upward: every 15 minutes of waiting are worth one step of priority.
  `create function job_rank(due_at timestamptz, priority smallint) returns bigint language sql immutable parallel safe as
     $$ select (extract(epoch from due_at) * 1000000)::bigint - priority * 900000000::bigint $$`,
  // Only what nothing but its organisation's share withholds. Vacuumed by count: a claim walks over its dead rows.
  `create table job_ready (
     job_id uuid not null,
     queue smallint not null,
     org int not null,
     rank bigint not null,
     run int not null,
     bytes int not null default 0
   ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
           autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 50000)`,
  `create unique index job_ready_order on job_ready (queue, org, rank, job_id)`,
  `comment on column job_ready.bytes is 'size of the payload as stored; what quotas are counted from'`,
  `create table job_later (
     job_id uuid constraint job_later_pk primary key,
     due_at timestamptz not null,
     queue smallint not null,
     org int not null,
     rank bigint not null,
     run int not null,
     bytes int not null default 0
   ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
  `create index job_later_due on job_later (due_at)`,
  `create index job_later_org on job_later (org)`,
  `create table job_workers (
     worker int generated always as identity constraint job_workers_pk primary key,
     name text not null,
     queues text[] not null default '{}',
     started_at timestamptz not null default carillon_now(),
     lease_expires_at timestamptz not null,
     running jsonb not null default '{}'::jsonb,
     running_as_of bigint not null default 0
   ) with (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`,
  `comment on column job_workers.queues is 'names of those it serves; none means all'`,
  `comment on column job_workers.running is 'queue → organisation → jobs it runs now; what limits are counted from'`,
  `comment on column job_workers.running_as_of is 'the claim that running counts last: a renewal of the lease that was sent before it does not undo it'`,
  // A worker with claims cannot be deleted: whoever takes its row away has to say first what becomes of its jobs.
  `create table job_claims (
     claim_id bigint generated always as identity constraint job_claims_pk primary key,
     worker int not null constraint job_claims_worker_fk references job_workers,
     queue smallint not null,
     claimed_at timestamptz not null,
     jobs uuid[] not null,
     orgs int[] not null,
     runs int[] not null
   ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`,
  // compressing arrays that live for milliseconds took 4 % of the server's time in a drain
  `alter table job_claims alter column jobs set storage external, alter column orgs set storage external,
     alter column runs set storage external`,
  `create index job_claims_worker on job_claims (worker)`,
];

const walls = [
  `create function carillon_current_organization_number() returns int language sql stable parallel safe as
     $$ select number from organizations where id = carillon_current_organization() $$`,
  `call carillon_raise_wall('background_jobs', 'select, insert, update')`,
  `call carillon_raise_wall('job_attempts', 'select')`,
  `call carillon_raise_wall('job_log_entries', 'select')`,
  `call carillon_raise_wall('job_progress', 'select')`,
  // The narrow tables know the organisation by its number.
  ...['job_ready', 'job_later', 'queue_shares'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `create policy ${table}_app on ${table} to carillon_app
       using (org = (select carillon_current_organization_number())) with check (org = (select carillon_current_organization_number()))`,
    `create policy ${table}_platform on ${table} for select to carillon_platform using (true)`,
    `create policy ${table}_engine on ${table} to carillon_engine using (true) with check (true)`,
    `grant select on ${table} to carillon_platform`,
    `grant select, insert, update, delete on ${table} to carillon_engine`,
  ]),
  `grant select, insert on job_ready to carillon_app`,
  `grant select, insert, delete on job_later to carillon_app`,
  `grant select on queue_shares to carillon_app`,
  // Claims hold jobs of many organisations, so carillon_app has no way to them but running_jobs().
  `grant select on queues to carillon_app, carillon_platform`,
  `grant select on job_claims, job_workers to carillon_platform`,
  `grant select, insert, update, delete on queues, job_claims, job_workers to carillon_engine`,
];
