/** All SQL of the processes that are there and of what they are asked to flush. */
import type { SqlExecutor } from '../database/index.js';

/** A process that was not seen for so long is taken for gone. */
const goneAfter = `interval '15 seconds'`;

export interface AskedFlush {
  number: string;
  names: string[] | null;
}
export interface ProcessReport {
  name: string;
  done: boolean;
  report: Record<string, number>;
}

/** Says that the process is there; answers the flushes that it has not done yet, oldest first. A new one has nothing to flush. */
export async function checkIn(sql: SqlExecutor, name: string): Promise<AskedFlush[]> {
  const { rows } = await sql.query<AskedFlush>(
    `with me as (
       insert into processes as p (name, seen_at, flushed)
         values ($1, carillon_now(), (select coalesce(max(number), 0) from cache_flushes))
       on conflict (name) do update set seen_at = carillon_now()
       returning p.flushed)
     select f.number, f.names from cache_flushes f, me where f.number > me.flushed order by f.number`,
    [name],
  );
  return rows;
}

export async function reportFlush(
  sql: SqlExecutor,
  name: string,
  number: string,
  report: Record<string, number>,
): Promise<void> {
  await sql.query(`update processes set flushed = $2, flush_report = $3 where name = $1`, [name, number, report]);
}

export async function checkOut(sql: SqlExecutor, name: string): Promise<void> {
  await sql.query(`delete from processes where name = $1`, [name]);
}

/** Answers the number of the new flush; forgets those that everybody has long done, and processes that never said goodbye. */
export async function askForFlush(sql: SqlExecutor, names: readonly string[] | null): Promise<string> {
  await sql.query(
    `with gone as (delete from processes where seen_at < carillon_now() - interval '1 day')
     delete from cache_flushes where asked_at < carillon_now() - interval '1 day'`,
  );
  const { rows } = await sql.query<{ number: string }>(
    `insert into cache_flushes (names) values ($1) returning number`,
    [names],
  );
  return rows[0]!.number;
}

/** The processes that are there now, and whether each has done the flush. */
export async function flushReports(sql: SqlExecutor, number: string): Promise<ProcessReport[]> {
  const { rows } = await sql.query<ProcessReport>(
    `select name, flushed >= $1 as done, flush_report as report from processes
      where flushed >= $1 or seen_at > carillon_now() - ${goneAfter} order by name`,
    [number],
  );
  return rows;
}
