/** What may go, and how it goes: each statement bounded, so that no transaction of the pruning holds a lock for long. */
import type { Sql } from '@carillon/job-engine';
import type { RetentionDays } from './retention-days.js';

export interface Window {
  /** The last job that was looked at; null at the end. */
  last: string | null;
  /** Those that may go. */
  old: string[];
}

/**
 * Looks at up to `limit` jobs in the order of their making and names those whose time is over. Left alone: what has not ended, parents
 * that somebody waits for, jobs of batches that go on, and holders of a key that is still good (`Idempotency-Key` for 24 hours).
 */
export async function nextWindow(
  sql: Sql,
  range: { after: string; before: string; limit: number },
  keep: RetentionDays,
): Promise<Window> {
  const { rows } = await sql.query<Window>(
    `with looked as materialized (
       select id, status, job_type, batch_id, completed_at, unique_until, idempotency_key, created_at
         from background_jobs where id > $1 and id < $2 order by id limit $3)
     select (select id from looked order by id desc limit 1) as last,
       array(select b.id from looked b left join job_type_controls t on t.job_type = b.job_type
              where b.status <> 'queued' and b.completed_at < carillon_now() - make_interval(days => case b.status
                when 'completed' then coalesce(t.keep_completed_days, $4)
                when 'failed' then coalesce(t.keep_failed_days, $5) else coalesce(t.keep_cancelled_days, $6) end)
                and (b.unique_until is null or b.unique_until < carillon_now())
                and (b.idempotency_key is null or b.created_at < carillon_now() - interval '24 hours')
                and ${unneeded}) as old`,
    [range.after, range.before, range.limit, keep.completed, keep.failed, keep.cancelled],
  );
  return rows[0]!;
}

const unneeded = `not exists (select from job_dependencies d where d.parent_id = b.id)
  and not exists (select from job_batches x where x.id = b.batch_id and x.finished_at is null)`;

/** The first of two statements: jobs that somebody else holds are left for the next time. */
export async function lockEnded(tx: Sql, ids: readonly string[]): Promise<string[]> {
  const text = `select id from background_jobs where id = any ($1) and status <> 'queued' order by id for update skip locked`;
  return (await tx.query<{ id: string }>(text, [ids])).rows.map(({ id }) => id);
}

/** The second: with a snapshot taken after the locks, so that it sees the child that was just told to wait for one of them. */
export async function deleteJobs(tx: Sql, ids: readonly string[]): Promise<{ status: string; jobs: number }[]> {
  const { rows } = await tx.query<{ status: string; jobs: number }>(
    `with gone as (delete from background_jobs b where b.id = any ($1) and ${unneeded} returning b.status)
     select status, count(*)::int as jobs from gone group by status`,
    [ids],
  );
  return rows;
}

/** From when on jobs may be old enough by any rule, as the least number of days that anything is kept. */
export async function leastDays(sql: Sql, keep: RetentionDays): Promise<{ days: number; now: Date }> {
  const { rows } = await sql.query<{ days: number; now: Date }>(
    `select least($1::int, $2::int, $3::int, min(keep_completed_days), min(keep_failed_days), min(keep_cancelled_days)) as days,
       carillon_now() as now from job_type_controls`,
    [keep.completed, keep.failed, keep.cancelled],
  );
  return rows[0]!;
}

/** Each answers how many rows it cleared away, at most `limit`. */
export const clearings: Record<string, (sql: Sql, keep: RetentionDays, limit: number) => Promise<number>> = {
  idempotencyKeys: (sql, _keep, limit) =>
    affected(
      sql,
      `update background_jobs set idempotency_key = null, idempotency_hash = null where id = any (array(
         select id from background_jobs where idempotency_key is not null and created_at < carillon_now() - interval '24 hours'
          limit $1 for update skip locked))`,
      [limit],
    ),
  batches: (sql, keep, limit) =>
    affected(
      sql,
      `delete from job_batches where id = any (array(
         select b.id from job_batches b where b.finished_at < carillon_now() - make_interval(days => $2)
            and not exists (select from background_jobs j where j.batch_id = b.id)
            and not exists (select from background_jobs j where j.id = b.completion_job_id)
          limit $1 for update skip locked))`,
      [limit, keep.completed],
    ),
  hoursOfStatistics: (sql, keep, limit) =>
    affected(sql, oldStatistics('hours', 'hour < carillon_now() - make_interval(days => $2)'), [
      limit,
      keep.hourlyStatistics,
    ]),
  daysOfStatistics: (sql, keep, limit) =>
    affected(sql, oldStatistics('days', `day < (carillon_now() at time zone 'UTC')::date - $2::int`), [
      limit,
      keep.dailyStatistics,
    ]),
};

const oldStatistics = (unit: string, condition: string) =>
  `delete from job_statistics_${unit} where ctid = any (array(select ctid from job_statistics_${unit} where ${condition} limit $1))`;

async function affected(sql: Sql, text: string, values: unknown[]): Promise<number> {
  return (await sql.query(text, values)).rowCount ?? 0;
}
