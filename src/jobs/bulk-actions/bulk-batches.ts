import { Injectable } from '@nestjs/common';
import { UniqueKeyHeld } from '@carillon/job-engine';
import { recordAudit } from '../../platform/audit/index.js';
import { Database, type SqlExecutor, sqlOf, type Transaction } from '../../platform/database/index.js';
import { JobQueue } from '../../platform/queue/index.js';
import type { BulkAction } from './bulk-action.dto.js';
import { auditedAs, deleteEnded } from './bulk-action-statements.js';
import { type BulkCounts, countsOf, nothingYet, sumOf } from './bulk-selection.js';

export interface BatchOfJobs {
  organizationId: string;
  ids: readonly string[];
  action: BulkAction;
  reason: string | undefined;
  /** Who asked, and the job that does it. */
  asker: string;
  bulkJobId: string;
}

/** unique_violation, deadlock_detected, serialization_failure: of one job, and no reason to leave its neighbours. */
const outcomesByState: Readonly<Record<string, string>> = {
  '23505': 'unique_key_held',
  '40P01': 'busy',
  '40001': 'busy',
};

/** Does to a batch what was asked, in one transaction behind the organisation's wall, with one audit record of its counts. */
@Injectable()
export class BulkBatches {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
  ) {}

  /** Jobs that somebody else holds at the moment are done one by one; the record that says how far all is done comes last. */
  async work(batch: BatchOfJobs): Promise<BulkCounts> {
    const upTo = batch.ids.at(-1)!;
    const { counts: ofMany, busy } = await this.many(batch, upTo).catch((error: unknown) => {
      if (!isOfOneJob(error)) throw error;
      return { counts: nothingYet(), busy: batch.ids };
    });
    let counts = ofMany;
    for (const id of busy) counts = sumOf(counts, await this.one(batch, id, id === busy.at(-1) ? upTo : null));
    return counts;
  }

  private many(batch: BatchOfJobs, upTo: string): Promise<{ counts: BulkCounts; busy: string[] }> {
    return this.inTransaction(batch, async (sql, tx) => {
      const outcomes = await this.act(batch, batch.ids, sql, tx);
      const busy = batch.ids.filter((id) => outcomes.get(id) === 'busy');
      const counts = countsOf([...outcomes.values()].filter((outcome) => outcome !== 'busy'));
      await record(sql, batch, counts, busy.length === 0 ? upTo : null);
      return { counts, busy };
    });
  }

  private one(batch: BatchOfJobs, id: string, upTo: string | null): Promise<BulkCounts> {
    const recorded = (outcomeOf: (sql: SqlExecutor, tx: Transaction | null) => Promise<string>) =>
      this.inTransaction(batch, async (sql, tx) => {
        const counts = countsOf([await outcomeOf(sql, tx)]);
        await record(sql, batch, counts, upTo);
        return counts;
      });
    return recorded((sql, tx) => this.actOnOne(batch, id, sql, tx)).catch((error: unknown) => {
      if (!isOfOneJob(error)) throw error;
      return recorded(async () => outcomesByState[sqlState(error)!]!);
    });
  }

  /** Nobody who serves a request may delete jobs, so that is the engine's to do (`tx` is null), and names the organisation itself. */
  private inTransaction<T>(
    { action, organizationId }: BatchOfJobs,
    work: (sql: SqlExecutor, tx: Transaction | null) => Promise<T>,
  ): Promise<T> {
    if (action === 'delete') return this.database.asEngine((sql) => work(sql, null));
    return this.database.withOrganization(organizationId, async (tx) => work(await sqlOf(tx), tx));
  }

  /** What became of each: `changed`, `busy`, or why it was left. */
  private async act(
    { action, asker, reason, organizationId }: BatchOfJobs,
    ids: readonly string[],
    sql: SqlExecutor,
    tx: Transaction | null,
  ): Promise<Map<string, string>> {
    if (action === 'delete' || tx === null) return deleteEnded(sql, organizationId, ids, 'skip');
    const outcomes =
      action === 'retry'
        ? await this.queue.retryMany(tx, ids, { userId: asker })
        : await this.queue.cancelMany(tx, ids, { userId: asker, reason });
    return new Map([...outcomes].map(([id, outcome]) => [id, outcomeNamed(outcome)]));
  }

  /** Waits for whoever holds it. */
  private async actOnOne(
    { action, asker, reason, organizationId }: BatchOfJobs,
    id: string,
    sql: SqlExecutor,
    tx: Transaction | null,
  ): Promise<string> {
    if (action === 'delete' || tx === null) return (await deleteEnded(sql, organizationId, [id], 'wait')).get(id)!;
    if (action === 'cancel') return outcomeNamed(await this.queue.cancel(tx, id, { userId: asker, reason }));
    const outcome = this.queue.retry(tx, id, { userId: asker }).catch((error: unknown) => {
      if (!(error instanceof UniqueKeyHeld)) throw error;
      return 'unique_key_held' as const;
    });
    return outcomeNamed(await outcome);
  }
}

const changing = new Set(['queued', 'cancelled', 'cancel_requested']);
const outcomeNamed = (outcome: string): string =>
  changing.has(outcome) ? 'changed' : outcome === 'not_found' ? 'gone' : outcome;

async function record(
  sql: SqlExecutor,
  { organizationId, action, reason, asker, bulkJobId }: BatchOfJobs,
  counts: BulkCounts,
  upTo: string | null,
): Promise<void> {
  if (counts.matched === 0 && upTo === null) return;
  await recordAudit(sql, { kind: 'user', id: asker }, organizationId, {
    action: auditedAs(action),
    targetType: 'job',
    targetId: bulkJobId,
    details: { ...counts, upTo, ...(reason !== undefined && { reason }) },
  });
}

/** Of pg's error, or of TypeORM's around it. */
function sqlState(error: unknown): string | undefined {
  const { code, driverError } = (error ?? {}) as { code?: string; driverError?: { code?: string } };
  return driverError?.code ?? code;
}

const isOfOneJob = (error: unknown) => outcomesByState[sqlState(error) ?? ''] !== undefined;
