/** Future jobs and retries that have become due move to where claims find them. */
import type { Sql } from '../ports.js';
import { passesGates } from './gates.js';

/**
 * Promotes up to `limit` due jobs; answers how many, the queues that got some, and whether some went to where limits hold them.
 * Several processes share the work. An entry whose job has moved on falls away.
 */
export async function promoteDue(sql: Sql, limit: number): Promise<{ count: number; queues: string[]; held: boolean }> {
  const { rows } = await sql.query<{ name: string | null; count: number; held: number }>({
    name: 'carillon-promote-due',
    text: `with due as (
        delete from job_later where ctid = any (array(
          select ctid from job_later where due_at <= carillon_now() order by due_at limit $1 for update skip locked))
        returning job_id, queue, org, rank, run, bytes
      ), placed as materialized (
        select due.*, b.job_type, b.concurrency_key,
          case when b.id is not null then ${passesGates('b')} end gated
        from due left join background_jobs b on b.id = due.job_id and b.run = due.run and b.status = 'queued'
      ), ready as (
        insert into job_ready (job_id, queue, org, rank, run, bytes)
        select job_id, queue, org, rank, run, bytes from placed where not gated
        on conflict (queue, org, rank, job_id) do update set run = excluded.run
      ), held as (
        insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key)
        select job_id, queue, org, rank, run, bytes, job_type, concurrency_key from placed where gated
        on conflict (job_id) do update set run = excluded.run, recheck = true
      )
      select q.name, count(*)::int count, count(*) filter (where gated)::int held
        from placed left join queues q on q.number = placed.queue group by q.name`,
    values: [limit],
  });
  return {
    count: rows.reduce((sum, row) => sum + row.count, 0),
    queues: rows.flatMap(({ name, count, held }) => (name !== null && count > held ? [name] : [])),
    held: rows.some((row) => row.held > 0),
  };
}

/** Milliseconds until the next one is due; null when nothing waits. */
export async function nextDueIn(sql: Sql): Promise<number | null> {
  const { rows } = await sql.query<{ ms: number | null }>({
    name: 'carillon-next-due',
    text: `select (extract(epoch from min(due_at) - carillon_now()) * 1000)::float8 ms from job_later`,
  });
  return rows[0]?.ms ?? null;
}
