import { Injectable } from '@nestjs/common';
import { UniqueKeyHeld } from '@carillon/job-engine';
import { type AuditedTransaction, recordAudit } from '../../platform/audit/index.js';
import { Database, type SqlExecutor, sqlOf, type Transaction } from '../../platform/database/index.js';
import { JobQueue } from '../../platform/queue/index.js';
import type { BulkAction } from './bulk-action.dto.js';
import { auditedAs, deleteEnded, lockFree } from './bulk-action-statements.js';
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

/** deadlock_detected, serialization_failure, unique_violation: of one job, and no reason to leave its neighbours. */
const ofOneJob = new Set(['40P01', '40001', '23505']);

/** Does to a batch what was asked, one transaction behind the organisation's wall, with one audit record of its counts. */
@Injectable()
export class BulkBatches {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
  ) {}

  /** Jobs that somebody else holds at the moment are done one by one; the record of the whole batch is the last. */
  async work(batch: BatchOfJobs): Promise<BulkCounts> {
    const upTo = batch.ids.at(-1)!;
    let counts = nothingYet();
    const busy = await this.inTransaction(batch, async (act, sql) => {
      const free = await lockFree(sql, batch.ids);
      const mine = batch.ids.filter((id) => free.has(id));
      const others = batch.ids.filter((id) => !free.has(id));
      counts = countsOf(await act(mine));
      // with some still to do it must not say that all is done up to here
      await this.record(sql, batch, counts, others.length === 0 ? upTo : null);
      return others;
    }).catch((error: unknown) => {
      if (!isOfOneJob(error)) throw error;
      counts = nothingYet();
      return batch.ids;
    });
    for (const id of busy) counts = sumOf(counts, await this.one(batch, id, id === busy.at(-1) ? upTo : null));
    return counts;
  }

  private one(batch: BatchOfJobs, id: string, upTo: string | null): Promise<BulkCounts> {
    const recorded = (outcomeOf: (act: Act) => Promise<string[]>) =>
      this.inTransaction(batch, async (act, sql) => {
        const counts = countsOf(await outcomeOf(act));
        await this.record(sql, batch, counts, upTo);
        return counts;
      });
    return recorded((act) => act([id])).catch((error: unknown) => {
      if (!isOfOneJob(error)) throw error;
      return recorded(async () => [sqlState(error) === '23505' ? 'unique_key_held' : 'busy']);
    });
  }

  private inTransaction<T>(batch: BatchOfJobs, work: (act: Act, sql: SqlExecutor) => Promise<T>): Promise<T> {
    const { organizationId } = batch;
    if (batch.action === 'delete')
      return this.database.asEngine((sql) =>
        work(async (ids) => [...(await deleteEnded(sql, organizationId, ids)).values()], sql),
      );
    return this.database.withOrganization(organizationId, async (tx) =>
      work((ids) => this.actOnEach(tx, batch, ids), await sqlOf(tx)),
    );
  }

  private async actOnEach(tx: Transaction, batch: BatchOfJobs, ids: readonly string[]): Promise<string[]> {
    const outcomes: string[] = [];
    for (const id of ids)
      outcomes.push(batch.action === 'retry' ? await this.retry(tx, batch, id) : await this.cancel(tx, batch, id));
    return outcomes;
  }

  private async retry(tx: Transaction, { asker }: BatchOfJobs, id: string): Promise<string> {
    const outcome = await this.queue.retry(tx, id, { userId: asker }).catch((error: unknown) => {
      if (!(error instanceof UniqueKeyHeld)) throw error;
      return 'unique_key_held' as const;
    });
    return outcome === 'queued' ? 'changed' : outcome === 'not_found' ? 'gone' : outcome;
  }

  private async cancel(tx: Transaction, { asker, reason }: BatchOfJobs, id: string): Promise<string> {
    const outcome = await this.queue.cancel(tx, id, { userId: asker, reason });
    if (outcome === 'cancelled' || outcome === 'cancel_requested') return 'changed';
    return outcome === 'not_found' ? 'gone' : outcome;
  }

  private async record(
    sql: AuditedTransaction,
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
}

/** What became of each, in their order: `changed`, or why not. */
type Act = (ids: readonly string[]) => Promise<string[]>;

/** Of pg's error, or of TypeORM's around it. */
function sqlState(error: unknown): string | undefined {
  const { code, driverError } = (error ?? {}) as { code?: string; driverError?: { code?: string } };
  return driverError?.code ?? code;
}

const isOfOneJob = (error: unknown) => ofOneJob.has(sqlState(error) ?? '');
