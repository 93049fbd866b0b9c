/** From a filter to the conditions of a statement over `background_jobs j`; values are bound, never written into the text. */
import { type JobState, jobStates } from '@carillon/job-engine';
import { clockTolerance, firstIdAt } from './id-range.js';
import type { JobFilter } from './job-list-query.dto.js';

/** Numbers the values of a statement in the order in which its parts name them. */
export class BoundValues {
  readonly list: unknown[] = [];

  /** The placeholder that stands for the value. */
  bind(value: unknown): string {
    return `$${this.list.push(value)}`;
  }
}

/** The runs that stand in a claim: few, so the planner gathers them once a statement. */
export const runningRuns = `select r.job_id, r.run from running_jobs() r`;

/** `processing` is no state of the row: the row says `queued` until the run ends, and the claims say which of those run. */
function statusCondition(wanted: readonly JobState[], values: BoundValues): string | null {
  const statuses = new Set(wanted);
  if (statuses.size === jobStates.length) return null;
  const either: string[] = [];
  const ended = [...statuses].filter((status) => status === 'completed' || status === 'cancelled');
  if (ended.length > 0) either.push(`j.status = any(${values.bind(ended)}::text[])`);
  // set for failed jobs and no others (background_jobs_failed_is_dated), and what the partial index knows
  if (statuses.has('failed')) either.push(`j.failed_at is not null`);
  if (statuses.has('queued') && statuses.has('processing')) either.push(`j.status = 'queued'`);
  else if (statuses.has('queued')) either.push(`(j.status = 'queued' and (j.id, j.run) not in (${runningRuns}))`);
  else if (statuses.has('processing')) either.push(`(j.status = 'queued' and (j.id, j.run) in (${runningRuns}))`);
  return `(${either.join(' or ')})`;
}

/**
 * The jobs that have not ended, from the narrow tables in which they stand; null for a filter that asks for others too.
 * An entry may be stale, so the filter's own conditions still apply.
 */
export function candidatesOf({ status, organizationId }: JobFilter, values: BoundValues): string | null {
  const wanted = new Set(status);
  if (wanted.size === 0 || [...wanted].some((one) => one !== 'queued' && one !== 'processing')) return null;
  const running = `select job_id from running_jobs()`;
  if (!wanted.has('queued')) return running;
  const mine =
    organizationId === undefined
      ? ''
      : `where org = (select number from organizations where id = ${values.bind(organizationId)})`;
  // queue by queue, because that is what the index of job_ready begins with
  const ready = `select ready.job_id from queues q cross join lateral (
    select r.job_id, r.org from job_ready r where r.queue = q.number) ready ${mine}`;
  const waiting = `${ready} union all select job_id from job_later ${mine} union all select job_id from job_held ${mine}`;
  return wanted.has('processing') ? `${waiting} union all ${running}` : waiting;
}

/** A queued job has the code of its last attempt; who does not ask for queued ones gets those that ended so, which have an index. */
const errorCodeColumn = ({ status }: JobFilter) =>
  status?.some((one) => one === 'queued' || one === 'processing') ? 'j.error_code' : 'j.unsuccessful_code';

/** The conditions of the filter; none where it asks for nothing. */
export function conditionsOf(filter: JobFilter, values: BoundValues): string[] {
  const equal = (column: string, value: unknown) => value !== undefined && `${column} = ${values.bind(value)}`;
  const since = filter.from && firstIdAt(filter.from.getTime() - clockTolerance);
  const before = filter.to && firstIdAt(filter.to.getTime() + clockTolerance);
  const text = filter.q !== undefined && values.bind(`%${filter.q.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`);
  return [
    filter.status?.length && statusCondition(filter.status, values),
    equal('j.organization_id', filter.organizationId),
    equal('j.job_type', filter.jobType),
    equal('j.queue', filter.queue),
    equal('j.priority', filter.priority),
    equal('j.created_by', filter.createdBy),
    filter.errorCode !== undefined && `${errorCodeColumn(filter)} = ${values.bind(filter.errorCode)}`,
    filter.tag !== undefined && `j.tags @> array[${values.bind(filter.tag)}]::text[]`,
    filter.payload && `j.payload @> ${values.bind(JSON.stringify(filter.payload))}::jsonb`,
    since && `j.id >= ${values.bind(since)}`,
    before && `j.id < ${values.bind(before)}`,
    filter.from && `j.created_at >= ${values.bind(filter.from)}`,
    filter.to && `j.created_at < ${values.bind(filter.to)}`,
    text && `(j.job_type ilike ${text} or j.error_message ilike ${text} or j.subject_id::text ilike ${text})`,
  ].filter((condition) => typeof condition === 'string');
}
