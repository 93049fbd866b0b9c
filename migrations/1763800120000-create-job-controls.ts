import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What withholds jobs and what counts them: limits and pauses, dependencies and batches, and the figures that finishing leaves.
 *
 * A queued job stands in exactly one place. `job_ready`: only its organisation's share and its queue withhold it. `job_later`: its time
 * has not come. `job_held`: its parents, its batch, its type's controls or its concurrency key withhold it; what opens the gates moves
 * it to `job_ready` and, where a type or key limits it, gives it a slot that is good for that run of the job and no other.
 */
export class CreateJobControls1763800120000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...controls, ...holding, ...together, ...figures, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop index background_jobs_batch, queue_shares_limited`);
    await runner.query(`alter table background_jobs drop constraint background_jobs_batch_fk`);
    await runner.query(`drop table job_statistics_deltas, job_dependencies, job_batches`);
    await runner.query(
      `drop table job_gates_to_check, job_slots, job_held, job_starts, organization_controls, job_type_controls`,
    );
  }
}

const controls = [
  // Declared by the handler's class at boot, overruled by what an administrator sets; null is no limit.
  `create table job_type_controls (
     job_type text constraint job_type_controls_pk primary key,
     declared_max_running int constraint job_type_controls_declared_max_running_range check (declared_max_running >= 0),
     declared_per_minute int constraint job_type_controls_declared_per_minute_range check (declared_per_minute >= 0),
     declared_key_max_running int constraint job_type_controls_declared_key_max_running_range check (declared_key_max_running >= 1),
     declared_key_per_minute int constraint job_type_controls_declared_key_per_minute_range check (declared_key_per_minute >= 1),
     max_running int constraint job_type_controls_max_running_range check (max_running >= 0),
     per_minute int constraint job_type_controls_per_minute_range check (per_minute >= 0),
     key_max_running int constraint job_type_controls_key_max_running_range check (key_max_running >= 1),
     key_per_minute int constraint job_type_controls_key_per_minute_range check (key_per_minute >= 1),
     keep_completed_days int constraint job_type_controls_keep_completed_range check (keep_completed_days >= 0),
     keep_failed_days int constraint job_type_controls_keep_failed_range check (keep_failed_days >= 0),
     keep_cancelled_days int constraint job_type_controls_keep_cancelled_range check (keep_cancelled_days >= 0),
     paused_at timestamptz,
     paused_by uuid,
     paused_reason text,
     last_org int not null default 0,
     gated boolean not null generated always as (paused_at is not null
       or coalesce(max_running, declared_max_running) is not null or coalesce(per_minute, declared_per_minute) is not null) stored
   )`,
  `comment on column job_type_controls.gated is 'jobs of this type go through job_held; those with a concurrency key always do'`,
  `comment on column job_type_controls.last_org is 'whose turn it was last where the type''s limit is shared out'`,
  // Over all queues. An organisation without a row has weight 1, no limit and no quota.
  `create table organization_controls (
     org int constraint organization_controls_pk primary key
       constraint organization_controls_org_fk references organizations (number) on delete cascade,
     weight real not null default 1 constraint organization_controls_weight_range check (weight between 1 and 1000),
     max_running int constraint organization_controls_max_running_range check (max_running >= 0),
     per_minute int constraint organization_controls_per_minute_range check (per_minute >= 0),
     max_queued int constraint organization_controls_max_queued_range check (max_queued >= 0),
     max_queued_bytes bigint constraint organization_controls_max_queued_bytes_range check (max_queued_bytes >= 0),
     paused_at timestamptz,
     paused_by uuid,
     paused_reason text
   )`,
  `comment on column organization_controls.max_queued is 'soft: counted at most once a second'`,
  // A minute is a window of 61 whole seconds, so that no 60 s hold more than the limit. Gates: queue:1, org:7, share:1:7, type:x, key:7:x.
  // claims ask at each turn whether anything is limited at all
  `create index organization_controls_limited on organization_controls (org) where max_running is not null or per_minute is not null`,
  `create index queue_shares_limited on queue_shares (queue) where max_running is not null or per_minute is not null`,
  `create index job_type_controls_gated on job_type_controls (job_type) where gated`,
  `create table job_starts (
     gate text not null,
     second bigint not null,
     starts int not null,
     constraint job_starts_pk primary key (gate, second)
   ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0)`,
];

const holding = [
  `create table job_held (
     job_id uuid constraint job_held_pk primary key,
     queue smallint not null,
     org int not null,
     rank bigint not null,
     run int not null,
     bytes int not null default 0,
     job_type text not null,
     concurrency_key text,
     awaits_parents boolean not null default false,
     awaits_batch uuid,
     recheck boolean not null default true
   ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0)`,
  `comment on column job_held.recheck is 'has not been looked at since it came or since something it waits for has ended'`,
  `create index job_held_type on job_held (job_type, org, rank, job_id)
     where concurrency_key is null and not awaits_parents and awaits_batch is null`,
  `create index job_held_key on job_held (org, concurrency_key, rank, job_id)
     where concurrency_key is not null and not awaits_parents and awaits_batch is null`,
  `create index job_held_recheck on job_held (job_id) where recheck`,
  // what an organisation's quota counts
  `create index job_held_org on job_held (org)`,
  `create index job_held_batch on job_held (awaits_batch) where awaits_batch is not null`,
  // A slot of a limit: taken when the gate opens, good while the job is queued and still at that run. The rest is void wherever it stands.
  `create table job_slots (
     job_id uuid constraint job_slots_pk primary key,
     run int not null,
     job_type text,
     org int not null,
     concurrency_key text
   ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
  `comment on column job_slots.job_type is 'null: it counts for its key only, its type had no limit or has no slot for it yet'`,
  `create index job_slots_type on job_slots (job_type, org) where job_type is not null`,
  `create index job_slots_key on job_slots (org, concurrency_key) where concurrency_key is not null`,
  // Where a slot came free or a limit was changed; whoever opens gates empties it.
  `create table job_gates_to_check (
     job_type text,
     org int,
     concurrency_key text
   ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`,
];

const together = [
  `create table job_batches (
     id uuid constraint job_batches_pk primary key,
     organization_id uuid not null constraint job_batches_organization_fk references organizations on delete cascade,
     name text constraint job_batches_name_length check (length(name) between 1 and 200),
     total int not null default 0,
     pending int not null default 0 constraint job_batches_pending_range check (pending >= 0),
     completed int not null default 0,
     failed int not null default 0,
     cancelled int not null default 0,
     completion_job_id uuid,
     created_at timestamptz not null default carillon_now(),
     created_by uuid,
     finished_at timestamptz
   ) with (fillfactor = 50)`,
  `comment on column job_batches.finished_at is 'when its last job had ended, and its completion job became ready; jobs retried later do not change it'`,
  `create index job_batches_organization on job_batches (organization_id, id)`,
  `alter table background_jobs add constraint background_jobs_batch_fk foreign key (batch_id) references job_batches`,
  `create index background_jobs_batch on background_jobs (batch_id, id) where batch_id is not null`,
  `create table job_dependencies (
     job_id uuid not null,
     parent_id uuid not null,
     organization_id uuid not null,
     constraint job_dependencies_pk primary key (job_id, parent_id),
     constraint job_dependencies_not_itself check (job_id <> parent_id)
   )`,
  `create index job_dependencies_parent on job_dependencies (parent_id)`,
];

const figures = [
  // One row a finishing statement for each combination; a loop folds them into hours and days.
  `create table job_statistics_deltas (
     at timestamptz not null,
     org int not null,
     queue smallint not null,
     job_type text not null,
     outcome text not null constraint job_statistics_deltas_outcome_known
       check (outcome in ('completed', 'failed', 'cancelled', 'retried', 'lost')),
     wait_bucket smallint,
     run_bucket smallint,
     jobs int not null
   ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`,
  `comment on table job_statistics_deltas is 'ends of attempts; retried and lost are attempts after which the job was queued again'`,
];

const walls = [
  `call carillon_raise_wall('job_batches', 'select, insert, update')`,
  `call carillon_raise_wall('job_dependencies', 'select, insert, delete')`,
  // These know the organisation by its number.
  ...['job_held', 'organization_controls', 'job_statistics_deltas'].flatMap((table) => [
    `alter table ${table} enable row level security`,
    `create policy ${table}_app on ${table} to carillon_app
       using (org = (select carillon_current_organization_number())) with check (org = (select carillon_current_organization_number()))`,
    `create policy ${table}_platform on ${table} for select to carillon_platform using (true)`,
    `create policy ${table}_engine on ${table} to carillon_engine using (true) with check (true)`,
    `grant select on ${table} to carillon_platform`,
    `grant select, insert, update, delete on ${table} to carillon_engine`,
  ]),
  `grant select, insert, update, delete on job_held to carillon_app`,
  `grant select on organization_controls to carillon_app`,
  `grant insert on job_statistics_deltas, job_gates_to_check to carillon_app`,
  `grant select on job_type_controls to carillon_app, carillon_platform`,
  `grant select on job_slots, job_starts, job_gates_to_check to carillon_platform`,
  `grant select, insert, update, delete on job_type_controls, job_slots, job_starts, job_gates_to_check to carillon_engine`,
];
