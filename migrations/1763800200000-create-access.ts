import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * API keys, refresh tokens and request counters, and the few doors through which carillon_app looks past row-level
 * security: before the caller is known there is no organisation to set, so a login sees rows only through these functions.
 */
export class CreateAccess1763800200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...tables, ...lookups, ...sessions, ...administrators, ...grants])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function ${Object.values(doors).join(', ')}`);
    await runner.query(`drop table throttle_counters, refresh_tokens, api_keys`);
    await runner.query(`revoke insert (${insertable}), update (${updatable}) on users from carillon_app`);
    await runner.query(`grant insert, update on users to carillon_app`);
  }
}

/** Every SECURITY DEFINER function with its arguments: made, granted to carillon_app alone, and dropped by this list. */
const doors = {
  findLogin: 'carillon_find_login(text)',
  findPrincipal: 'carillon_find_principal(uuid, uuid)',
  findApiKey: 'carillon_find_api_key(bytea)',
  findUserByEmail: 'carillon_find_user_by_email(text)',
  isSharedUser: 'carillon_is_shared_user(uuid)',
  startSession: 'carillon_start_session(uuid, uuid, uuid, bytea, int)',
  rotateSession: 'carillon_rotate_session(bytea, uuid, bytea, int)',
  endSession: 'carillon_end_session(uuid)',
  endSessionsOf: 'carillon_end_sessions_of(uuid)',
  pruneSessions: 'carillon_prune_sessions()',
  hasAdministrator: 'carillon_has_administrator()',
  createFirstAdministrator: 'carillon_create_first_administrator(uuid, uuid, text, text, text)',
  setSystemAdmin: 'carillon_set_system_admin(uuid, boolean)',
  isLastAdministrator: 'carillon_is_last_administrator(uuid)',
};
/** With a fixed search_path nobody can slip an own table or operator under a function that runs as the owner. */
const definer = `security definer set search_path = public, pg_temp`;

const tables = [
  `create table api_keys (
     id uuid constraint api_keys_pk primary key,
     organization_id uuid not null constraint api_keys_organization_fk references organizations on delete cascade,
     name text not null constraint api_keys_name_length check (length(name) between 1 and 200),
     prefix text not null,
     secret_hash bytea not null constraint api_keys_secret_hash_unique unique
       constraint api_keys_secret_hash_length check (octet_length(secret_hash) = 32),
     scopes text[] not null constraint api_keys_scopes_count check (cardinality(scopes) between 1 and 50),
     created_by uuid constraint api_keys_created_by_fk references users on delete set null,
     expires_at timestamptz,
     revoked_at timestamptz,
     last_used_at timestamptz,
     created_at timestamptz not null default carillon_now()
   )`,
  `comment on column api_keys.prefix is 'the first characters of the key, by which people recognise it; the key itself is not kept'`,
  `create index api_keys_organization on api_keys (organization_id, id)`,
  `create index api_keys_created_by on api_keys (created_by)`,
  `call carillon_raise_wall('api_keys', 'select, insert, update')`,
  `create table refresh_tokens (
     id uuid constraint refresh_tokens_pk primary key,
     family_id uuid not null,
     user_id uuid not null constraint refresh_tokens_user_fk references users on delete cascade,
     token_hash bytea not null constraint refresh_tokens_token_hash_unique unique
       constraint refresh_tokens_token_hash_length check (octet_length(token_hash) = 32),
     expires_at timestamptz not null,
     rotated_at timestamptz,
     revoked_at timestamptz,
     created_at timestamptz not null default carillon_now()
   )`,
  `comment on column refresh_tokens.family_id is 'the session: a login and every token rotated from it'`,
  `create index refresh_tokens_family on refresh_tokens (family_id)`,
  `create index refresh_tokens_user on refresh_tokens (user_id)`,
  `create index refresh_tokens_expires_at on refresh_tokens (expires_at)`,
  // No policy and no grant: tokens are reached through the functions below only.
  `alter table refresh_tokens enable row level security`,
  // Counts of one minute: unlogged, since losing them in a crash costs nothing; fillfactor keeps the updates on their page.
  `create unlogged table throttle_counters (
     key bytea constraint throttle_counters_pk primary key,
     hits int not null,
     expires_at timestamptz not null
   ) with (fillfactor = 70)`,
  `grant select, insert, update, delete on throttle_counters to carillon_app`,
  `comment on column users.token_version is 'raised by a change of password and by disabling: older access tokens end; roles are read anew'`,
];

const lookups = [
  `create function carillon_find_login(p_email text) returns table (user_id uuid, password_hash text)
     language sql stable ${definer} as $$ select id, u.password_hash from users u where lower(email) = lower(p_email) $$`,
  `create function carillon_find_principal(p_user uuid, p_session uuid)
   returns table (user_id uuid, email text, name text, is_system_admin boolean, disabled boolean, token_version int,
                  session_active boolean, memberships jsonb)
   language sql stable ${definer} as $$
     select u.id, u.email, u.name, u.is_system_admin, u.disabled_at is not null, u.token_version,
            exists (select from refresh_tokens t where t.family_id = p_session and t.user_id = u.id and t.revoked_at is null),
            coalesce((select jsonb_agg(jsonb_build_object('organizationId', o.id, 'organizationName', o.name, 'role', m.role)
                                       order by m.created_at, o.id)
                      from memberships m join organizations o on o.id = m.organization_id where m.user_id = u.id), '[]')
     from users u where u.id = p_user $$`,
  // last_used_at is written at most once a minute: a busy key must not rewrite its row with each call.
  `create function carillon_find_api_key(p_hash bytea)
   returns table (id uuid, organization_id uuid, name text, scopes text[], expires_at timestamptz)
   language plpgsql ${definer} as $$
   begin
     update api_keys k set last_used_at = carillon_now()
     where k.secret_hash = p_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > carillon_now())
       and (k.last_used_at is null or k.last_used_at < carillon_now() - interval '1 minute');
     return query select k.id, k.organization_id, k.name, k.scopes, k.expires_at from api_keys k
       where k.secret_hash = p_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > carillon_now());
   end $$`,
  `create function carillon_find_user_by_email(p_email text) returns uuid language sql stable ${definer} as
     $$ select id from users where lower(email) = lower(p_email) $$`,
  // Whether more than one organisation depends on the account: then no single organisation's admin may change it.
  `create function carillon_is_shared_user(p_user uuid) returns boolean language sql stable ${definer} as $$
     select coalesce((select is_system_admin from users where id = p_user), false)
         or (select count(*) > 1 from memberships where user_id = p_user) $$`,
];

const sessions = [
  `create function carillon_start_session(p_id uuid, p_family uuid, p_user uuid, p_hash bytea, p_seconds int) returns void
   language sql ${definer} as $$
     insert into refresh_tokens (id, family_id, user_id, token_hash, expires_at)
     values (p_id, p_family, p_user, p_hash, carillon_now() + make_interval(secs => p_seconds)) $$`,
  // Under the family's lock: a rotation and the revocation of its family must not pass each other unseen.
  `create function carillon_rotate_session(p_hash bytea, p_new_id uuid, p_new_hash bytea, p_seconds int)
   returns table (outcome text, user_id uuid, family_id uuid) language plpgsql ${definer} as $$
   declare token refresh_tokens;
   begin
     select * into token from refresh_tokens t where t.token_hash = p_hash;
     if not found then return query select 'unknown', null::uuid, null::uuid; return; end if;
     perform pg_advisory_xact_lock(hashtextextended(token.family_id::text, 0));
     select * into token from refresh_tokens t where t.token_hash = p_hash for update;
     if token.revoked_at is not null then outcome := 'revoked';
     elsif token.rotated_at is not null then
       outcome := 'reused';
       update refresh_tokens t set revoked_at = carillon_now() where t.family_id = token.family_id and t.revoked_at is null;
     elsif token.expires_at <= carillon_now() then outcome := 'expired';
     else
       outcome := 'rotated';
       update refresh_tokens t set rotated_at = carillon_now() where t.id = token.id;
       insert into refresh_tokens (id, family_id, user_id, token_hash, expires_at)
         values (p_new_id, token.family_id, token.user_id, p_new_hash, carillon_now() + make_interval(secs => p_seconds));
     end if;
     return query select outcome, token.user_id, token.family_id;
   end $$`,
  `create function carillon_end_session(p_family uuid) returns void language plpgsql ${definer} as $$
   begin
     perform pg_advisory_xact_lock(hashtextextended(p_family::text, 0));
     update refresh_tokens set revoked_at = carillon_now() where family_id = p_family and revoked_at is null;
   end $$`,
  `create function carillon_end_sessions_of(p_user uuid) returns void language plpgsql ${definer} as $$
   declare family uuid;
   begin
     for family in select distinct family_id from refresh_tokens where user_id = p_user and revoked_at is null order by 1 loop
       perform carillon_end_session(family);
     end loop;
   end $$`,
  // A week of grace keeps a token that was just rotated recognisable as reused.
  `create function carillon_prune_sessions() returns bigint language sql ${definer} as $$
     with gone as (delete from refresh_tokens where expires_at < carillon_now() - interval '7 days' returning 1)
     select count(*) from gone $$`,
];

const administrators = [
  `create function carillon_has_administrator() returns boolean language sql stable ${definer} as
     $$ select exists (select from users where is_system_admin) $$`,
  // Several processes may start at once: the lock lets one make the administrator, the others find it made.
  `create function carillon_create_first_administrator(p_organization uuid, p_user uuid, p_email text, p_name text, p_password_hash text)
   returns boolean language plpgsql ${definer} as $$
   declare organization uuid; person uuid;
   begin
     perform pg_advisory_xact_lock(7000002);
     if exists (select from users where is_system_admin) then return false; end if;
     insert into organizations (id, name, slug) values (p_organization, 'Carillon', 'carillon') on conflict (slug) do nothing;
     select id into organization from organizations where slug = 'carillon';
     insert into users (id, email, name, password_hash, is_system_admin) values (p_user, p_email, p_name, p_password_hash, true)
       on conflict (lower(email)) do update set is_system_admin = true, password_hash = excluded.password_hash, disabled_at = null
       returning id into person;
     insert into memberships (organization_id, user_id, role) values (organization, person, 'OrgAdmin') on conflict do nothing;
     return true;
   end $$`,
  `create function carillon_set_system_admin(p_user uuid, p_value boolean) returns void language sql ${definer} as
     $$ update users set is_system_admin = p_value, updated_at = carillon_now() where id = p_user $$`,
  // Who belongs to no organisation cannot sign in, and does not count.
  // Holds the administrators' lock until the caller's transaction ends: two of them cannot remove each other at once.
  `create function carillon_is_last_administrator(p_user uuid) returns boolean language plpgsql ${definer} as $$
   begin
     perform pg_advisory_xact_lock(7000002);
     return exists (select from users where id = p_user and is_system_admin and disabled_at is null)
        and not exists (select from users u join memberships m on m.user_id = u.id
                        where u.id <> p_user and u.is_system_admin and u.disabled_at is null);
   end $$`,
];

/** carillon_app may not make anybody a SystemAdmin by an UPDATE of its own: column grants leave that flag out. */
const insertable = 'id, email, name, phone, password_hash, notification_preferences';
const updatable =
  'name, phone, password_hash, disabled_at, notification_preferences, token_version, version, updated_at';

const grants = [
  ...Object.values(doors).flatMap((door) => [
    `revoke execute on function ${door} from public`,
    `grant execute on function ${door} to carillon_app`,
  ]),
  `revoke insert, update on users from carillon_app`,
  `grant insert (${insertable}), update (${updatable}) on users to carillon_app`,
];
