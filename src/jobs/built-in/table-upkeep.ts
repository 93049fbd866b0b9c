/** All SQL of `db.optimize`, for a connection of the schema's owner. */
import type { Sql } from '@carillon/job-engine';

export interface TableState {
  /** As SQL writes it, quoted where it must be. */
  name: string;
  deadRows: number;
  bytes: number;
}
export interface IndexState {
  name: string;
  bytes: number;
  /** What a fresh index of the same entries would take, estimated from the statistics of its columns. */
  expectedBytes: number;
}
export interface OpenTransaction {
  process: number;
  application: string;
  since: Date;
}

/** Below that a rebuild frees nothing worth its reading. */
const smallestBytes = 1_048_576;

/** Twice what it would take anew; the estimate knows nothing of deduplication, so it errs towards leaving indexes alone. */
export const isBloated = ({ bytes, expectedBytes }: IndexState): boolean =>
  bytes >= smallestBytes && bytes > 2 * expectedBytes;

/** Two optimisations at once would wait for each other's locks; the server forgets the lock with the connection. */
export async function takeTurn(owner: Sql): Promise<boolean> {
  const { rows } = await owner.query<{ taken: boolean }>(`select pg_try_advisory_lock(7003) taken`);
  return rows[0]!.taken;
}

/** The tables of the schema in use that the login owns, those with the most dead rows first. */
export async function ownTables(owner: Sql): Promise<TableState[]> {
  const { rows } = await owner.query<TableState>(
    `select c.oid::regclass::text as name, coalesce(s.n_dead_tup, 0)::float8 as "deadRows", pg_total_relation_size(c.oid)::float8 as bytes
       from pg_class c left join pg_stat_user_tables s on s.relid = c.oid
      where c.relkind = 'r' and c.relnamespace = current_schema()::text::regnamespace and pg_has_role(c.relowner, 'usage')
      order by 2 desc, 1`,
  );
  return rows;
}

export async function tableState(owner: Sql, name: string): Promise<TableState> {
  const { rows } = await owner.query<TableState>(
    `select $1::text as name, coalesce(pg_stat_get_dead_tuples($1::regclass), 0)::float8 as "deadRows",
            pg_total_relation_size($1::regclass)::float8 as bytes`,
    [name],
  );
  return rows[0]!;
}

/** A statement that does not get its lock in that time leaves its table for another day. */
export async function waitForLocks(owner: Sql, seconds = 15): Promise<void> {
  await owner.query(`select set_config('lock_timeout', $1, false)`, [`${seconds}s`]);
}

/** Names come from `ownTables` and `indexesOf`, quoted by the server. */
export async function vacuum(owner: Sql, table: string): Promise<void> {
  await owner.query(`vacuum (analyze) ${table}`);
}

/** B-trees that can be rebuilt beside the running work. An entry takes 12 bytes and its columns, aligned to 8; pages are 90 % full. */
export async function indexesOf(owner: Sql, table: string): Promise<IndexState[]> {
  const { rows } = await owner.query<IndexState>(
    `select i.indexrelid::regclass::text as name, pg_relation_size(i.indexrelid)::float8 as bytes,
            (16384 + greatest(ic.reltuples, 0) * (12 + 8 * ceil(widths.total / 8.0)) / 0.9)::float8 as "expectedBytes"
       from pg_index i
       join pg_class ic on ic.oid = i.indexrelid
       join pg_am am on am.oid = ic.relam and am.amname = 'btree'
      cross join lateral (
        select sum(coalesce(s.avg_width, nullif(a.attlen, -1), 32)) total
          from pg_attribute a
          left join pg_attribute c on c.attrelid = i.indrelid and c.attnum = i.indkey[a.attnum - 1]
          left join pg_stats s on s.schemaname = current_schema()::text
            and (s.tablename, s.attname) = (case when c.attnum is null then ic.relname else $1::regclass::text::name end, coalesce(c.attname, a.attname))
         where a.attrelid = i.indexrelid) widths
      where i.indrelid = $1::regclass and i.indisvalid and not i.indisexclusion
      order by 1`,
    [table],
  );
  return rows;
}

/** Built beside the old one, which serves until then. What a build leaves behind that is broken off is taken away at once, or by the next run. */
export async function rebuildIndex(owner: Sql, table: string, index: string): Promise<void> {
  try {
    await owner.query(`reindex index concurrently ${index}`);
  } catch (error) {
    await waitForLocks(owner, 2);
    await dropBrokenBuilds(owner, table).catch(() => undefined); // whatever blocked the build may block this, too
    await waitForLocks(owner);
    throw error;
  }
}

/** Invalid indexes that REINDEX CONCURRENTLY left behind: each write pays for them and no query uses them. Not those being built right now. */
export async function dropBrokenBuilds(owner: Sql, table: string): Promise<void> {
  const { rows } = await owner.query<{ name: string }>(
    `select i.indexrelid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = $1::regclass and not i.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$'
        and not exists (select from pg_stat_progress_create_index p where p.relid = i.indrelid)`,
    [table],
  );
  for (const { name } of rows) await owner.query(`drop index concurrently if exists ${name}`);
}

export async function bytesOf(owner: Sql, index: string): Promise<number> {
  const { rows } = await owner.query<{ bytes: number }>(`select pg_relation_size($1::regclass)::float8 as bytes`, [
    index,
  ]);
  return rows[0]!.bytes;
}

/** The transaction that has been open the longest: rows that died since it began cannot be taken away. */
export async function oldestTransaction(owner: Sql): Promise<OpenTransaction | undefined> {
  const { rows } = await owner.query<OpenTransaction>(
    `select pid as process, application_name as application, xact_start as since from pg_stat_activity
      where backend_xmin is not null and xact_start is not null and pid <> pg_backend_pid() and datname = current_database()
      order by age(backend_xmin) desc limit 1`,
  );
  return rows[0];
}
