import { Inject } from '@nestjs/common';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsBoolean, IsOptional, IsString } from 'class-validator';
import { DiscardJob, type Job, type JobContext, SnoozeJob, type Sql } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import type { DatabaseAddress } from '../../platform/config/index.js';
import { DATABASE_ADDRESS, withOwnerConnection } from '../../platform/database/index.js';
import {
  bytesOf,
  dropBrokenBuilds,
  indexesOf,
  isBloated,
  oldestTransaction,
  ownTables,
  rebuildIndex,
  type TableState,
  tableState,
  takeTurn,
  vacuum,
  waitForLocks,
} from './table-upkeep.js';

export class DbOptimizePayload {
  /** Those of the installation's own tables that are meant; all where left out. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(200)
  @IsString({ each: true })
  tables?: string[];

  /** Rebuild the indexes that take twice the room they need, beside the running work. */
  @IsOptional()
  @IsBoolean()
  reindex?: boolean;
}

interface Outcome {
  bytesBefore: number;
  bytesAfter: number;
  ms: number;
  /** Why it was left as it is: a lock that did not come, a table that is gone. */
  skipped?: string;
}
export interface DbOptimizeResult {
  summary: string;
  tables: ({ table: string; deadRowsBefore: number; deadRowsAfter: number } & Outcome)[];
  indexes: ({ index: string } & Outcome)[];
}

const anotherRunsMs = 30_000;
/** Fewer are what came in meanwhile. */
const worthAWarning = 1_000;

/** Takes dead rows away and renews the planner's statistics, table by table, while everything goes on; autovacuum does the same in its own time. */
@JobHandler('db.optimize', {
  aliases: ['db_optimize'],
  maxRetries: 1,
  timeoutSeconds: 21_600,
  payload: DbOptimizePayload,
  systemOnly: true,
  limits: { running: 1 },
})
export class DbOptimize implements Job<DbOptimizePayload, DbOptimizeResult> {
  constructor(@Inject(DATABASE_ADDRESS) private readonly address: DatabaseAddress) {}

  run(payload: DbOptimizePayload, ctx: JobContext): Promise<DbOptimizeResult> {
    return withOwnerConnection(this.address, ctx.signal, async (owner) => {
      if (!(await takeTurn(owner))) throw new SnoozeJob(anotherRunsMs);
      await waitForLocks(owner);
      const result: DbOptimizeResult = { summary: '', tables: [], indexes: [] };
      const tables = chosen(await ownTables(owner), payload.tables);
      for (const [done, table] of tables.entries()) {
        await ctx.progress((100 * done) / tables.length, `${table.name} (${done + 1} of ${tables.length})`);
        const outcome = await vacuumed(owner, table, ctx);
        result.tables.push(outcome);
        if (payload.reindex && outcome.skipped === undefined)
          result.indexes.push(...(await rebuilt(owner, table.name, ctx)));
      }
      result.summary = summaryOf(result);
      return result;
    });
  }
}

/** @throws DiscardJob when one is asked for that there is not */
function chosen(tables: TableState[], wanted: readonly string[] | undefined): TableState[] {
  const unknown = wanted?.filter((name) => !tables.some((table) => table.name === name)) ?? [];
  if (unknown.length === 0) return tables.filter(({ name }) => wanted?.includes(name) ?? true);
  const known = tables.map(({ name }) => name).sort();
  throw new DiscardJob(`There is no table ${unknown.join(', ')}; there are ${known.join(', ')}.`, 'table_unknown');
}

async function vacuumed(owner: Sql, before: TableState, ctx: JobContext) {
  const { ms, skipped } = await attempted(before.name, ctx, () => vacuum(owner, before.name));
  const after = skipped === undefined ? await tableState(owner, before.name) : before;
  if (skipped === undefined && after.deadRows >= worthAWarning) await warnOfHeldRows(owner, after, ctx);
  return {
    table: before.name,
    deadRowsBefore: before.deadRows,
    deadRowsAfter: after.deadRows,
    ...outcomeOf(before.bytes, after.bytes, ms, skipped),
  };
}

async function rebuilt(owner: Sql, table: string, ctx: JobContext): Promise<DbOptimizeResult['indexes']> {
  const outcomes: DbOptimizeResult['indexes'] = [];
  await attempted(`what a broken build left at ${table}`, ctx, () => dropBrokenBuilds(owner, table));
  for (const { name, bytes } of (await indexesOf(owner, table)).filter(isBloated)) {
    const { ms, skipped } = await attempted(name, ctx, () => rebuildIndex(owner, table, name));
    const after = skipped === undefined ? await bytesOf(owner, name) : bytes;
    outcomes.push({ index: name, ...outcomeOf(bytes, after, ms, skipped) });
  }
  return outcomes;
}

const outcomeOf = (bytesBefore: number, bytesAfter: number, ms: number, skipped: string | undefined): Outcome => ({
  bytesBefore,
  bytesAfter,
  ms,
  ...(skipped !== undefined && { skipped }),
});

/** What one table or index refuses is told and does not keep the others from their turn. */
async function attempted(
  what: string,
  ctx: JobContext,
  work: () => Promise<void>,
): Promise<{ ms: number; skipped?: string }> {
  ctx.signal.throwIfAborted();
  const began = performance.now();
  const elapsed = () => Math.round(performance.now() - began);
  try {
    await work();
    return { ms: elapsed() };
  } catch (error) {
    ctx.signal.throwIfAborted();
    const { code, message } = error as Error & { code?: string };
    if (!skippable.has(code ?? '')) throw error;
    ctx.log('warn', `${what} is left as it is: ${message}`);
    return { ms: elapsed(), skipped: message };
  }
}

/** lock_not_available, deadlock_detected, undefined_table, insufficient_privilege */
const skippable = new Set(['55P03', '40P01', '42P01', '42501']);

async function warnOfHeldRows(owner: Sql, { name, deadRows }: TableState, ctx: JobContext): Promise<void> {
  const open = await oldestTransaction(owner);
  const why = open
    ? `the transaction of process ${open.process} (${open.application}), open since ${open.since.toISOString()}, may still see them`
    : 'they died meanwhile, or a replica or a prepared transaction may still see them';
  ctx.log('warn', `${name} keeps ${deadRows} dead rows: ${why}`);
}

function summaryOf({ tables, indexes }: DbOptimizeResult): string {
  const freed = tables.reduce(
    (sum, { deadRowsBefore, deadRowsAfter }) => sum + Math.max(0, deadRowsBefore - deadRowsAfter),
    0,
  );
  const skipped = [...tables, ...indexes].filter((outcome) => outcome.skipped !== undefined).length;
  return `${freed} dead row(s) taken away from ${tables.length} table(s), ${indexes.length} index(es) rebuilt, ${skipped} left as they are`;
}
