/** Future jobs and retries that have become due move to where claims find them. */
import type { Sql } from '../ports.js';

/** Promotes up to `limit` due jobs; answers how many and the queues that got some. Several processes share the work. */
export async function promoteDue(sql: Sql, limit: number): Promise<{ count: number; queues: string[] }> {
  const { rows } = await sql.query<{ name: string; count: number }>({
    name: 'carillon-promote-due',
    text: `with due as (
        delete from job_later where ctid = any (array(
          select ctid from job_later where due_at <= carillon_now() order by due_at limit $1 for update skip locked))
        returning job_id, queue, org, rank, run
      ), ready as (
        insert into job_ready (job_id, queue, org, rank, run) select job_id, queue, org, rank, run from due
        on conflict (queue, org, rank, job_id) do update set run = excluded.run
      )
      select name, count(*)::int count from due join queues on number = queue group by name`,
    values: [limit],
  });
  return { count: rows.reduce((sum, row) => sum + row.count, 0), queues: rows.map((row) => row.name) };
}

/** Milliseconds until the next one is due; null when nothing waits. */
export async function nextDueIn(sql: Sql): Promise<number | null> {
  const { rows } = await sql.query<{ ms: number | null }>({
    name: 'carillon-next-due',
    text: `select (extract(epoch from min(due_at) - carillon_now()) * 1000)::float8 ms from job_later`,
  });
  return rows[0]?.ms ?? null;
}
