import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was answered to a creating request with an `Idempotency-Key`, so that its repetition is answered alike.
 * A row without a status is a request under way: it holds the key until its lease ends.
 */
export class CreateIdempotency1763800150000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`revoke select on migrations from carillon_engine`);
    await runner.query(`drop table idempotency_keys`);
  }
}

const statements = [
  `create table idempotency_keys (
     organization_id uuid not null constraint idempotency_keys_organization_fk references organizations on delete cascade,
     principal_id uuid not null,
     key text not null constraint idempotency_keys_key_length check (length(key) between 1 and 255),
     fingerprint bytea not null constraint idempotency_keys_fingerprint_length check (octet_length(fingerprint) = 32),
     token uuid not null,
     lease_until timestamptz,
     status smallint constraint idempotency_keys_status_success check (status between 200 and 299),
     headers jsonb,
     body text,
     withheld boolean not null default false,
     expires_at timestamptz not null,
     constraint idempotency_keys_pk primary key (organization_id, principal_id, key),
     constraint idempotency_keys_running_or_answered check ((status is null) = (lease_until is not null))
   )`,
  `comment on column idempotency_keys.fingerprint is 'SHA-256 of method, URL and body: the same key for another request is refused'`,
  `comment on column idempotency_keys.token is 'the run that holds the key; its late result changes nothing once another run has it'`,
  `comment on column idempotency_keys.withheld is 'the answer held a secret and was not kept'`,
  `create index idempotency_keys_expiry on idempotency_keys (expires_at)`,
  `call carillon_raise_wall('idempotency_keys', 'select, insert, update, delete')`,
  // /readyz asks which migrations have run
  `grant select on migrations to carillon_engine`,
];
