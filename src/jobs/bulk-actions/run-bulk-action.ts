import { DiscardJob, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { Database } from '../../platform/database/index.js';
import { BulkActionPayload } from './bulk-action.dto.js';
import {
  countSelected,
  isSystemAdmin,
  journalOf,
  nextSelected,
  organizationsToVisit,
  type Selection,
} from './bulk-action-statements.js';
import { BulkBatches } from './bulk-batches.js';
import { type BulkCounts, nothingYet, selectionOf, summaryOf, sumOf } from './bulk-selection.js';

/** Some 20 ms each: the time for which a batch holds its jobs, and after which a cancel is obeyed. */
const batchSize = 200;

export type BulkResult = BulkCounts & { summary: string };

/**
 * Retries, cancels or deletes what matched when it was asked for, organisation by organisation. Safe to run again: what a batch did
 * stands in the audit log with it, and the next run goes on behind the last batch with the counts so far.
 * Not internal: who asked wants to hear how it ended. Its keys let one run at a time in an organisation.
 */
@JobHandler('jobs.bulk', {
  queue: 'maintenance',
  maxRetries: 3,
  timeoutSeconds: 21_600,
  systemOnly: true,
  payload: BulkActionPayload,
})
export class RunBulkAction implements Job<BulkActionPayload, BulkResult> {
  constructor(
    private readonly database: Database,
    private readonly batches: BulkBatches,
  ) {}

  async run(payload: BulkActionPayload, ctx: JobContext): Promise<BulkResult> {
    const { action, createdBefore } = payload;
    const selection = { action, createdBefore, filter: selectionOf(action, payload.filter), except: ctx.jobId };
    const organizations = await this.reachOf(payload, ctx);
    const left = await this.countLeft(selection, payload, ctx);
    let counts = nothingYet();
    for (const organizationId of organizations)
      counts = await this.visit(selection, payload, ctx, organizationId, counts, left);
    return { ...counts, summary: summaryOf(action, counts) };
  }

  /** The organisations in which it acts. What the payload claims is checked again: it may have come by another way than the route. */
  private async reachOf({ allOrganizations, filter }: BulkActionPayload, ctx: JobContext): Promise<string[]> {
    const asker = ctx.createdBy;
    if (asker === null)
      throw new DiscardJob('Nobody has asked for this, so nobody could answer for it.', 'not_allowed');
    if (!allOrganizations) {
      const elsewhere = filter.organizationId !== undefined && filter.organizationId !== ctx.organizationId;
      return elsewhere ? [] : [ctx.organizationId];
    }
    return this.database.acrossOrganizations(async (tx) => {
      if (!(await isSystemAdmin(tx, asker)))
        throw new DiscardJob('Only a SystemAdmin may act on the jobs of all organisations.', 'not_allowed');
      return organizationsToVisit(tx, filter.organizationId);
    });
  }

  /** For the progress alone. */
  private countLeft(selection: Selection, { allOrganizations }: BulkActionPayload, ctx: JobContext): Promise<number> {
    if (allOrganizations) return this.database.acrossOrganizations((tx) => countSelected(tx, selection));
    return this.database.withOrganization(ctx.organizationId, (tx) => countSelected(tx, selection));
  }

  /** One organisation, from where an earlier run of the job has left it. Answers the counts so far, its own added. */
  private async visit(
    selection: Selection,
    { action, reason }: BulkActionPayload,
    ctx: JobContext,
    organizationId: string,
    before: BulkCounts,
    left: number,
  ): Promise<BulkCounts> {
    const journal = await this.database.withOrganization(organizationId, (tx) =>
      journalOf(tx, selection, organizationId),
    );
    let counts = journal.reduce(sumOf, before);
    let after = journal.findLast(({ upTo }) => upTo !== null)?.upTo ?? null;
    for (;;) {
      ctx.signal.throwIfAborted();
      const ids = await this.database.withOrganization(organizationId, (tx) =>
        nextSelected(tx, selection, organizationId, after, batchSize),
      );
      if (ids.length === 0) return counts;
      const batch = { organizationId, ids, action, reason, asker: ctx.createdBy!, bulkJobId: ctx.jobId };
      counts = sumOf(counts, await this.batches.work(batch));
      after = ids.at(-1)!;
      const percent = Math.floor((99 * counts.matched) / Math.max(left, counts.matched));
      await ctx.progress(percent, `${counts.matched} of about ${Math.max(left, counts.matched)} jobs`);
    }
  }
}
