/**
 * Keeps the narrow tables narrow. Jobs that come and go leave dead rows, and a claim walks over them (claim.md: 202 ms after 480,000
 * jobs). Autovacuum looks once a minute, when a busy queue has left a million; and while anybody's transaction is open, it may not remove
 * them at all. So this looks every second, vacuums, and where that does not help, has the table written anew with its live rows.
 */
import { sqlState } from './errors.js';
import {
  narrowTables,
  type NarrowTable,
  oldestSnapshot,
  type OldestSnapshot,
  rewrite,
  vacuum,
} from './job-store/index.js';
import { Loop } from './loop.js';
import type { EngineLog, Sql } from './ports.js';

export interface UpkeepOptions {
  pool: Sql;
  log: EngineLog;
  /** How often it looks. */
  everyMs?: number;
  /** An older transaction is warned about. */
  warnAfterSeconds?: number;
}

interface Limits {
  /** From so many dead rows on they cost more than getting rid of them. */
  dead: number;
  /** More live rows than this are not copied: whoever inserts would wait for longer than 0.2 s. */
  live: number;
}

const limits: Record<string, Limits> = {
  job_ready: { dead: 20_000, live: 50_000 },
  job_later: { dead: 20_000, live: 50_000 },
  job_held: { dead: 20_000, live: 50_000 },
  job_slots: { dead: 5_000, live: 20_000 },
  job_starts: { dead: 5_000, live: 20_000 },
  job_gates_to_check: { dead: 5_000, live: 20_000 },
  job_claims: { dead: 5_000, live: 5_000 },
  // few rows with many versions each, and every claim reads one of them
  job_workers: { dead: 1_000, live: 1_000 },
  job_progress: { dead: 20_000, live: 20_000 },
  job_statistics_deltas: { dead: 20_000, live: 50_000 },
};

const defaults = { everyMs: 1_000, warnAfterSeconds: 300 };
/** What was done shows in the statistics only after a second or two. */
const settleMs = 2_500;
/** How long it goes without saying that vacuum does not help. */
const pinnedMs = 30_000;
const horizonEveryMs = 30_000;
const warnAgainMs = 600_000;
const longestPauseMs = 60_000;
/** How long a rewrite waits for the table, and others behind it: longer each time it was kept out, for who walks over many dead rows holds it long. */
const patienceMs = { first: 50, most: 200 };

interface TableState {
  notBefore: number;
  pinnedUntil: number;
  /** Grows while others keep the table locked: each try holds up those who come after us. */
  pauseMs: number;
  patienceMs: number;
}

export class Upkeep {
  readonly counters = { vacuums: 0, rewrites: 0, lockedOut: 0 };
  readonly loop: Loop;
  private readonly tables = new Map<string, TableState>();
  private horizonNotBefore = 0;
  private warnNotBefore = 0;

  constructor(private readonly options: UpkeepOptions) {
    const { everyMs = defaults.everyMs, log } = options;
    this.loop = new Loop({ name: 'upkeep', run: () => this.look(), everyMs, log });
  }

  private async look(): Promise<void> {
    for (const table of await narrowTables(this.options.pool, Object.keys(limits))) await this.keep(table);
    if (performance.now() >= this.horizonNotBefore) await this.watchHorizon();
  }

  private async keep(table: NarrowTable): Promise<void> {
    const { dead } = limits[table.name]!;
    const state = this.stateOf(table.name);
    const now = performance.now();
    if (table.deadRows < dead || now < state.notBefore) return;
    state.notBefore = now + settleMs;
    if (table.vacuumable && now >= state.pinnedUntil) {
      await vacuum(this.options.pool, table.name);
      this.counters.vacuums++;
      const left = (await narrowTables(this.options.pool, [table.name]))[0]?.deadRows ?? 0;
      if (left < dead / 2) return;
      state.pinnedUntil = now + pinnedMs;
    }
    await this.rewrite(table.name, state);
  }

  private async rewrite(table: string, state: TableState): Promise<void> {
    try {
      const { live } = limits[table]!;
      if (await rewrite(this.options.pool, table, live, state.patienceMs)) this.counters.rewrites++;
      state.pauseMs = settleMs;
      state.patienceMs = patienceMs.first;
    } catch (error) {
      if (sqlState(error) !== lockNotAvailable) throw error;
      this.counters.lockedOut++;
      state.notBefore = performance.now() + state.pauseMs;
      state.pauseMs = Math.min(state.pauseMs * 2, longestPauseMs);
      state.patienceMs = Math.min(state.patienceMs * 2, patienceMs.most);
    }
  }

  private async watchHorizon(): Promise<void> {
    const { pool, log, warnAfterSeconds = defaults.warnAfterSeconds } = this.options;
    const now = performance.now();
    this.horizonNotBefore = now + Math.min(horizonEveryMs, warnAfterSeconds * 1_000);
    if (now < this.warnNotBefore) return;
    const oldest = await oldestSnapshot(pool);
    if ((oldest?.heldSeconds ?? 0) < warnAfterSeconds) return;
    this.warnNotBefore = now + warnAgainMs;
    log.warn(pinned(oldest!));
  }

  private stateOf(table: string): TableState {
    let state = this.tables.get(table);
    if (!state)
      this.tables.set(
        table,
        (state = { notBefore: 0, pinnedUntil: 0, pauseMs: settleMs, patienceMs: patienceMs.first }),
      );
    return state;
  }
}

const lockNotAvailable = '55P03';

const pinned = ({ kind, who, heldSeconds, transactions }: OldestSnapshot) =>
  `a ${kind} has been open for ${Math.round(heldSeconds ?? 0)} s: ${who}. Until it ends, no row that was deleted or changed since ` +
  `(${transactions} transactions) can be removed, and the database grows; end it, or see "A pinned horizon" in docs/tuning.md`;

/** What weighs on the database: dead rows of the engine's tables, and who keeps them from being removed. For gauges. */
export interface DatabasePressure {
  tables: NarrowTable[];
  oldestSnapshot: OldestSnapshot | null;
}

export async function databasePressure(sql: Sql): Promise<DatabasePressure> {
  const [tables, oldest] = await Promise.all([
    narrowTables(sql, ['background_jobs', 'job_attempts', ...Object.keys(limits)]),
    oldestSnapshot(sql),
  ]);
  return { tables, oldestSnapshot: oldest };
}
