import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Organisations and people, and the second wall between organisations: row-level security.
 *
 * The roles are cluster-wide, so `carillon provision` (or the embedded launcher) makes them; migrations only grant.
 * carillon_app serves requests and sees one organisation a transaction; carillon_platform reads across organisations;
 * carillon_engine runs jobs. ENABLE, not FORCE: the owner must be able to migrate and back up.
 */
export class CreateOrganizationsAndWalls1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...functions, ...tables, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table audit_log, memberships, users, organizations`);
    await runner.query(`drop procedure carillon_raise_wall(regclass, text)`);
    await runner.query(`drop function carillon_current_organization(), carillon_now()`);
    await runner.query(`revoke usage on schema public from carillon_app, carillon_platform, carillon_engine`);
  }
}

const functions = [
  `grant usage on schema public to carillon_app, carillon_platform, carillon_engine`,
  // The one clock of all SQL; tests replace it by one that can be moved.
  `create function carillon_now() returns timestamptz language sql stable parallel safe as
     $$ select statement_timestamp() $$`,
  `create function carillon_current_organization() returns uuid language sql stable parallel safe as
     $$ select nullif(current_setting('carillon.organization_id', true), '')::uuid $$`,
  // Every organisation table gets the same wall: app bound to the transaction's organisation, platform reads all, engine does all.
  `create procedure carillon_raise_wall(target regclass, app_grants text) language plpgsql as $$
   declare name text := target::text;
   begin
     execute format('alter table %s enable row level security', target);
     execute format('create policy %I on %s to carillon_app using (organization_id = (select carillon_current_organization()))
                     with check (organization_id = (select carillon_current_organization()))', name || '_app', target);
     execute format('create policy %I on %s for select to carillon_platform using (true)', name || '_platform', target);
     execute format('create policy %I on %s to carillon_engine using (true) with check (true)', name || '_engine', target);
     execute format('grant %s on %s to carillon_app', app_grants, target);
     execute format('grant select on %s to carillon_platform', target);
     execute format('grant select, insert, update, delete on %s to carillon_engine', target);
   end $$`,
];

const tables = [
  `create table organizations (
     id uuid constraint organizations_pk primary key,
     number int generated always as identity constraint organizations_number_unique unique,
     name text not null constraint organizations_name_length check (length(name) between 1 and 200),
     slug text not null constraint organizations_slug_unique unique
       constraint organizations_slug_shape check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
     version int not null default 1,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now()
   )`,
  `comment on column organizations.number is 'the organisation''s small number, by which the engine''s narrow tables know it'`,
  `create table users (
     id uuid constraint users_pk primary key,
     email text not null constraint users_email_length check (length(email) between 3 and 320),
     name text not null constraint users_name_length check (length(name) between 1 and 200),
     phone text,
     password_hash text,
     is_system_admin boolean not null default false,
     disabled_at timestamptz,
     notification_preferences jsonb not null default '{}'::jsonb
       constraint users_notification_preferences_object check (jsonb_typeof(notification_preferences) = 'object'),
     token_version int not null default 1,
     version int not null default 1,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now()
   )`,
  `comment on column users.token_version is 'raised by a change of role or password: older access tokens end'`,
  `create unique index users_email_unique on users (lower(email))`,
  `create table memberships (
     organization_id uuid not null constraint memberships_organization_fk references organizations on delete cascade,
     user_id uuid not null constraint memberships_user_fk references users on delete cascade,
     role text not null constraint memberships_role_known check (role in ('OrgAdmin', 'Member')),
     created_at timestamptz not null default carillon_now(),
     constraint memberships_pk primary key (organization_id, user_id)
   )`,
  `create index memberships_user on memberships (user_id)`,
  `create table audit_log (
     id uuid constraint audit_log_pk primary key,
     organization_id uuid,
     actor_type text not null constraint audit_log_actor_type_known check (actor_type in ('user', 'apiKey', 'system', 'anonymous')),
     actor_id uuid,
     action text not null,
     outcome text not null default 'done' constraint audit_log_outcome_known check (outcome in ('done', 'refused')),
     target_type text,
     target_id text,
     details jsonb not null default '{}'::jsonb,
     address text,
     trace_id text,
     created_at timestamptz not null default carillon_now()
   )`,
  `create index audit_log_organization on audit_log (organization_id, id)`,
];

const walls = [
  `call carillon_raise_wall('memberships', 'select, insert, update, delete')`,
  // An organisation is its own tenant: the row is visible where its id is the transaction's organisation.
  `alter table organizations enable row level security`,
  `create policy organizations_app on organizations to carillon_app
     using (id = (select carillon_current_organization())) with check (id = (select carillon_current_organization()))`,
  `create policy organizations_platform on organizations for select to carillon_platform using (true)`,
  `create policy organizations_engine on organizations for select to carillon_engine using (true)`,
  `grant select, insert, update, delete on organizations to carillon_app`,
  `grant select on organizations to carillon_platform, carillon_engine`,
  // A person is seen by the organisations the person belongs to; a new one is inserted before its membership exists.
  `alter table users enable row level security`,
  `create policy users_app_read on users for select to carillon_app
     using (exists (select 1 from memberships m where m.user_id = users.id and m.organization_id = (select carillon_current_organization())))`,
  `create policy users_app_insert on users for insert to carillon_app with check (true)`,
  `create policy users_app_update on users for update to carillon_app
     using (exists (select 1 from memberships m where m.user_id = users.id and m.organization_id = (select carillon_current_organization())))`,
  `create policy users_platform on users for select to carillon_platform using (true)`,
  `create policy users_engine on users for select to carillon_engine using (true)`,
  `grant select, insert, update on users to carillon_app`,
  `grant select on users to carillon_platform, carillon_engine`,
  // The audit log only grows: nobody but the owner may change or delete it. Refused calls may have no organisation.
  `alter table audit_log enable row level security`,
  `create policy audit_log_app_read on audit_log for select to carillon_app
     using (organization_id = (select carillon_current_organization()))`,
  `create policy audit_log_app_insert on audit_log for insert to carillon_app
     with check (organization_id is null or organization_id = (select carillon_current_organization()))`,
  `create policy audit_log_platform on audit_log for select to carillon_platform using (true)`,
  `create policy audit_log_platform_insert on audit_log for insert to carillon_platform with check (true)`,
  `create policy audit_log_engine on audit_log for insert to carillon_engine with check (true)`,
  `grant select, insert on audit_log to carillon_app, carillon_platform`,
  `grant insert on audit_log to carillon_engine`,
];
