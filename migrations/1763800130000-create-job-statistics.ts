import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Figures of what jobs did, by hour and by day (UTC), folded from job_statistics_deltas.
 *
 * Each end of an attempt counts in four rows: of its organisation by queue and type, of its organisation over everything (queue 0,
 * type ''), and the same two for all organisations together (org 0). So an answer reads as many rows as it has hours, types or
 * organisations, and never one for every organisation times type.
 */
export class CreateJobStatistics1763800130000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [histograms, ...tables, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table job_statistics_hours, job_statistics_days`);
    await runner.query(`drop function merged_histograms(bigint[], bigint[])`);
  }
}

// An element is bucket × 2⁴⁰ + count: sparse, 8 bytes for each bucket that has any, and still a whole number to JavaScript.
const histograms = `create function merged_histograms(one bigint[], other bigint[]) returns bigint[]
   language sql immutable parallel safe as $$
     select coalesce(array_agg((bucket << 40) + jobs order by bucket), '{}')
       from (select element >> 40 bucket, sum(element & 1099511627775)::bigint jobs from unnest(one || other) element group by 1) merged $$`;

const counts = ['completed', 'failed', 'cancelled', 'retried', 'lost'];

const tables = [
  { name: 'job_statistics_hours', at: 'hour timestamptz', count: 'int' },
  { name: 'job_statistics_days', at: 'day date', count: 'bigint' },
].flatMap(({ name, at, count }) => {
  const column = at.split(' ')[0]!;
  return [
    // no foreign keys: rows of all organisations have none to lead to, and the fold would pay for each
    `create table ${name} (
       ${at} not null,
       org int not null,
       queue smallint not null,
       job_type text not null,
       ${counts.map((outcome) => `${outcome} ${count} not null default 0`).join(', ')},
       wait_histogram bigint[] not null default '{}',
       run_histogram bigint[] not null default '{}',
       constraint ${name}_pk primary key (org, ${column}, queue, job_type)
     ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000)`,
    `comment on table ${name} is 'org 0: all organisations; queue 0 and type empty: over all queues and types'`,
    // the totals of every organisation, and what is old enough to go
    `create index ${name}_by_time on ${name} (${column}, queue, org)`,
  ];
});

const walls = ['job_statistics_hours', 'job_statistics_days'].flatMap((table) => [
  `alter table ${table} enable row level security`,
  `create policy ${table}_app on ${table} for select to carillon_app
     using (org = (select carillon_current_organization_number()))`,
  `create policy ${table}_platform on ${table} for select to carillon_platform using (true)`,
  `create policy ${table}_engine on ${table} to carillon_engine using (true) with check (true)`,
  `grant select on ${table} to carillon_app, carillon_platform`,
  `grant select, insert, update, delete on ${table} to carillon_engine`,
]);
