import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which processes are there, and that all of them are to forget what they remember. */
export class CreateCacheFlushes1763800160000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table processes, cache_flushes`);
  }
}

const statements = [
  `create table cache_flushes (
     number bigint generated always as identity constraint cache_flushes_pk primary key,
     names text[],
     asked_at timestamptz not null default carillon_now()
   )`,
  `comment on column cache_flushes.names is 'the caches that are meant; null: all'`,
  // rewritten every few seconds by each process, so half of each page is kept free
  `create table processes (
     name text constraint processes_pk primary key,
     started_at timestamptz not null default carillon_now(),
     seen_at timestamptz not null,
     flushed bigint not null,
     flush_report jsonb not null default '{}'::jsonb
   ) with (fillfactor = 50)`,
  `comment on column processes.flushed is 'number of the last flush it has done; one that starts has nothing to forget'`,
  `comment on column processes.flush_report is 'cache → entries that flush took away'`,
  `grant select, insert, update, delete on processes, cache_flushes to carillon_engine`,
  `grant select on processes to carillon_platform`,
];
