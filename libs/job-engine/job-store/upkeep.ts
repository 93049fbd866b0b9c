/** What the narrow tables carry along that is dead, and how they get rid of it. */
import type { Sql } from '../ports.js';

export interface NarrowTable {
  name: string;
  liveRows: number;
  deadRows: number;
  /** Whether this role may VACUUM it: its owner may, and from PostgreSQL 17 on whoever has been granted MAINTAIN. */
  vacuumable: boolean;
}

/** As the statistics collector has it: a second or so old. */
export async function narrowTables(sql: Sql, names: readonly string[]): Promise<NarrowTable[]> {
  const { rows } = await sql.query<NarrowTable>({
    name: 'carillon-narrow-tables',
    text: `select relname name, pg_stat_get_live_tuples(oid)::float8 "liveRows", pg_stat_get_dead_tuples(oid)::float8 "deadRows",
             case when current_setting('server_version_num')::int >= 170000 then has_table_privilege(oid, 'MAINTAIN')
                  else pg_has_role(relowner, 'USAGE') end vacuumable
             from pg_class where oid = any (array(select to_regclass(name) from unnest($1::text[]) name))`,
    values: [names],
  });
  return rows;
}

/** Removes what nobody can see any more. Takes no lock that readers or writers would feel; skips a table that is being vacuumed. */
export async function vacuum(sql: Sql, table: string): Promise<void> {
  await sql.query(`vacuum (skip_locked, truncate off, index_cleanup on) ${table}`);
}

/**
 * Removes also what an older transaction might see. False when it was not worth it or too much.
 * @throws 55P03 when somebody has had the table for `patienceMs`, for which others wait behind us
 */
export async function rewrite(sql: Sql, table: string, mostRows: number, patienceMs = 50): Promise<boolean> {
  const { rows } = await sql.query<{ kept: number | null }>(`select rewrite_narrow_table($1, $2, $3) kept`, [
    table,
    mostRows,
    patienceMs,
  ]);
  return rows[0]!.kept !== null;
}

/** Who keeps vacuum from removing rows. */
export interface OldestSnapshot {
  kind: 'transaction' | 'prepared transaction' | 'replication slot';
  who: string;
  /** null: unknown, as for a replication slot. */
  heldSeconds: number | null;
  /** How many transactions have begun since. */
  transactions: number;
}

export async function oldestSnapshot(sql: Sql): Promise<OldestSnapshot | null> {
  const { rows } = await sql.query<OldestSnapshot>(
    `select kind, who, held_seconds "heldSeconds", transactions from oldest_snapshot()`,
  );
  return rows[0] ?? null;
}
