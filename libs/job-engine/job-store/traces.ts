/** What a running job says of itself: how far it is, and its log. */
import type { Sql } from '../ports.js';

export interface ProgressReport {
  id: string;
  run: number;
  percent: number;
  message: string | null;
}

/**
 * Stores the latest progress of many runs. Answers the ids that were taken; a missing one is no longer the job's current run.
 * The table is narrow and half empty: at ten reports a second from a thousand jobs the wide row would be rewritten to death.
 */
export async function storeProgress(sql: Sql, reports: readonly ProgressReport[]): Promise<Set<string>> {
  const { rows } = await sql.query<{ job_id: string }>({
    name: 'carillon-store-progress',
    text: `insert into job_progress as p (job_id, organization_id, run, percent, message, updated_at)
      select b.id, b.organization_id, r.run, r.percent, r.message, carillon_now()
        from jsonb_to_recordset($1::jsonb) r (id uuid, run int, percent smallint, message text)
        join background_jobs b on b.id = r.id and b.run = r.run and b.status = 'queued'
      on conflict (job_id) do update set run = excluded.run, message = excluded.message, updated_at = excluded.updated_at,
        percent = case when p.run = excluded.run then greatest(p.percent, excluded.percent) else excluded.percent end
        where p.run <= excluded.run
      returning job_id`,
    values: [JSON.stringify(reports)],
  });
  return new Set(rows.map((row) => row.job_id));
}

export interface LogLine {
  id: string;
  attempt: number;
  level: string;
  message: string;
  /** JSON text. */
  data: string | null;
}

/** How many lines of a job are kept, over all its attempts. */
export const maxLogLines = 1_000;

/** Appends log lines in order; lines beyond the cap, and of jobs that are gone, fall away. */
export async function appendLog(sql: Sql, lines: readonly LogLine[]): Promise<void> {
  await sql.query({
    name: 'carillon-append-log',
    text: `with line as (
        select *, row_number() over (partition by id order by place) nth
          from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::jsonb[]) with ordinality
            l (id, attempt, level, message, data, place)
      )
      insert into job_log_entries (job_id, organization_id, attempt, level, message, data)
      select line.id, b.organization_id, attempt, level, message, data
        from line join background_jobs b on b.id = line.id
       where nth + (select count(*) from job_log_entries e where e.job_id = line.id) <= ${maxLogLines}
       order by place`,
    values: [
      lines.map((line) => line.id),
      lines.map((line) => line.attempt),
      lines.map((line) => line.level),
      lines.map((line) => line.message),
      lines.map((line) => line.data),
    ],
  });
}
