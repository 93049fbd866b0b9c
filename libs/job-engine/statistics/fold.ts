/** Makes hours and days out of the deltas that finishing leaves. */
import type { Sql } from '../ports.js';

/** Any number will do that nobody else takes; 7001 is the claim's. */
const foldLock = 7002;

/**
 * Folds up to `limit` deltas; answers how many. Exactly once: the statement that counts them deletes them. One process at a time:
 * another gets 0 at once, instead of waiting for the first one's rows, or in a circle with it.
 */
export async function foldStatistics(sql: Sql, limit: number): Promise<number> {
  const { rows } = await sql.query<{ folded: number }>({
    name: 'carillon-fold-statistics',
    text: foldStatement,
    values: [limit],
  });
  return rows[0]!.folded;
}

const outcomes = ['completed', 'failed', 'cancelled', 'retried', 'lost'];

/** The deltas of each key as one row. Grouped three ways in one pass: by the key (3), by its waiting (1) and by its running times (2). */
const tallied = (column: string) => `
  select ${column}, org, queue, job_type, ${outcomes.map((outcome) => `coalesce(max(${outcome}) filter (where way = 3), 0)`).join(', ')},
    coalesce(array_agg((wait_bucket::bigint << 40) + jobs order by wait_bucket) filter (where way = 1 and wait_bucket is not null), '{}'),
    coalesce(array_agg((run_bucket::bigint << 40) + jobs order by run_bucket) filter (where way = 2 and run_bucket is not null), '{}')
  from (
    select ${column}, org, queue, job_type, wait_bucket, run_bucket, grouping(wait_bucket, run_bucket) way, sum(jobs)::bigint jobs,
      ${outcomes.map((outcome) => `sum(jobs) filter (where outcome = '${outcome}') ${outcome}`).join(', ')}
    from counted
    group by grouping sets ((${column}, org, queue, job_type), (${column}, org, queue, job_type, wait_bucket), (${column}, org, queue, job_type, run_bucket))
  ) grouped group by ${column}, org, queue, job_type`;

const added = (table: string, column: string) => `
  insert into ${table} (${column}, org, queue, job_type, ${outcomes.join(', ')}, wait_histogram, run_histogram) ${tallied(column)}
  on conflict (org, ${column}, queue, job_type) do update set
    ${outcomes.map((outcome) => `${outcome} = ${table}.${outcome} + excluded.${outcome}`).join(', ')},
    wait_histogram = merged_histograms(${table}.wait_histogram, excluded.wait_histogram),
    run_histogram = merged_histograms(${table}.run_histogram, excluded.run_histogram)`;

/** Each delta counts in four rows: see the migration. A statement is one transaction, so the lock ends with it. */
const foldStatement = `
  with turn as materialized (select pg_try_advisory_xact_lock(${foldLock}) mine),
  taken as (
    delete from job_statistics_deltas where ctid = any (array(select d.ctid from turn, job_statistics_deltas d where turn.mine limit $1))
    returning *
  ), counted as (
    select date_trunc('hour', t.at, 'UTC') as hour, (t.at at time zone 'UTC')::date as day, level.*, t.outcome, t.wait_bucket, t.run_bucket, t.jobs
      from taken t cross join lateral (values (t.org, t.queue, t.job_type), (t.org, 0::smallint, ''),
                                              (0, t.queue, t.job_type), (0, 0::smallint, '')) level (org, queue, job_type)
  ), hours as (${added('job_statistics_hours', 'hour')}
  ), days as (${added('job_statistics_days', 'day')}
  )
  select count(*)::int folded from taken`;
