/** Which jobs an action can be done to at all, and what is said of the whole. Pure. */
import type { JobState } from '@carillon/job-engine';
import type { JobFilter } from '../job-list-query.dto.js';
import type { BulkAction } from './bulk-action.dto.js';

const possible: Record<BulkAction, readonly JobState[]> = {
  retry: ['completed', 'failed', 'cancelled'],
  cancel: ['queued', 'processing'],
  delete: ['completed', 'failed', 'cancelled'],
};
const usual: Record<BulkAction, readonly JobState[]> = {
  retry: ['failed'],
  cancel: ['queued', 'processing'],
  delete: ['failed'],
};

/** Those of the filter's statuses to which the action cannot be done. */
export const impossibleStatuses = (action: BulkAction, { status = [] }: JobFilter): JobState[] =>
  status.filter((one) => !possible[action].includes(one));

/** The filter with the statuses that are meant where it names none. */
export const selectionOf = <F extends JobFilter>(action: BulkAction, filter: F): F => ({
  ...filter,
  status: [...(filter.status?.length ? filter.status : usual[action])],
});

export interface BulkCounts {
  matched: number;
  changed: number;
  /** By reason: jobs that matched and were left as they are. */
  skipped: Record<string, number>;
}

export const nothingYet = (): BulkCounts => ({ matched: 0, changed: 0, skipped: {} });

export function sumOf(a: BulkCounts, b: BulkCounts): BulkCounts {
  const skipped = { ...a.skipped };
  for (const [reason, count] of Object.entries(b.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count;
  return { matched: a.matched + b.matched, changed: a.changed + b.changed, skipped };
}

/** `changed`, or why a job was left as it is. */
export function countsOf(outcomes: readonly string[]): BulkCounts {
  const counts: BulkCounts = { matched: outcomes.length, changed: 0, skipped: {} };
  for (const outcome of outcomes)
    if (outcome === 'changed') counts.changed++;
    else counts.skipped[outcome] = (counts.skipped[outcome] ?? 0) + 1;
  return counts;
}

const done: Record<BulkAction, string> = { retry: 'Put back', cancel: 'Cancelled', delete: 'Deleted' };

/** One sentence for people: what the message about the ended job says. */
export function summaryOf(action: BulkAction, { matched, changed, skipped }: BulkCounts): string {
  const left = Object.entries(skipped).map(([reason, count]) => `${count} ${reason.replaceAll('_', ' ')}`);
  const jobs = matched === 1 ? '1 job' : `${matched} jobs`;
  return `${done[action]} ${changed} of ${jobs}${left.length > 0 ? `; left: ${left.join(', ')}` : ''}`;
}
