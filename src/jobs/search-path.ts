/** Which index a list of jobs follows, and what it has to check on the way. */
import { jobStates } from '@carillon/job-engine';
import { type BoundValues, conditionsOf } from './job-conditions.js';
import type { JobFilter } from './job-list-query.dto.js';

export interface SearchPath {
  /** Indexes to follow in the order of ids; several are merged. */
  branches: Branch[];
  /** What is left to be checked job by job. */
  rest: JobFilter;
  /** Nothing is left: whatever the walk meets belongs to the list. */
  isWhole: boolean;
  /** The filter, where each organisation's index answers it but none over all of them. */
  acrossOrganizations?: JobFilter;
}

/** An index whose leading columns are bound, so that its entries come in the order of ids. */
export interface Branch {
  leading: [column: string, value: string][];
  /** What else is checked before jobs are counted as looked at: the period. */
  within: JobFilter;
}

export function pathsOf(filter: JobFilter): SearchPath {
  const { organizationId, from, to, ...others } = filter;
  const period = defined({ from, to });
  const along = (...leading: Branch['leading']): Branch => ({ leading, within: period });
  const path = (branches: Branch[], rest: JobFilter): SearchPath => {
    const left = defined(rest);
    return { branches, rest: left, isWhole: Object.keys(left).length === 0, ...leap(organizationId, period, left) };
  };
  const ours: Branch['leading'] = organizationId === undefined ? [] : [['j.organization_id', organizationId]];
  const { errorCode, status, createdBy, jobType, ...neither } = others;
  const ways = (status ?? []).filter((one) => one === 'failed' || one === 'cancelled');
  const onlyUnsuccessful = ways.length > 0 && ways.length === status!.length;
  if (errorCode !== undefined && (onlyUnsuccessful || !status?.length))
    return path([along(...ours, ['j.unsuccessful_code', errorCode])], { ...neither, status, createdBy, jobType });
  if (onlyUnsuccessful) {
    const branches = [...new Set(ways)].map((way) => along(...ours, ['j.unsuccessful', way]));
    return path(branches, { ...neither, errorCode, createdBy, jobType });
  }
  if (ours.length > 0 && createdBy !== undefined)
    return path([along(['j.created_by', createdBy], ...ours)], { ...neither, errorCode, status, jobType });
  if (ours.length > 0 && jobType !== undefined)
    return path([along(...ours, ['j.job_type', jobType])], { ...neither, errorCode, status, createdBy });
  return path([{ leading: [], within: defined({ organizationId, ...period }) }], others);
}

/**
 * The jobs of a branch beyond `after`, in order, and `more`: LIMIT and OFFSET. Bound by a comparison of rows and not by equality: to the
 * planner an equal column is no part of the order, so the primary key would do, too, and it walks that through all other jobs.
 */
export function walkOf(
  { leading, within }: Branch,
  { after, oldestFirst }: { after?: string | undefined; oldestFirst: boolean },
  columns: string,
  values: BoundValues,
  more: string,
): string {
  const direction = oldestFirst ? 'asc' : 'desc';
  const begin = oldestFirst ? (after ?? beforeAllIds) : beforeAllIds;
  const end = oldestFirst ? afterAllIds : (after ?? afterAllIds);
  const names = leading.map(([column]) => column);
  const row = `(${[...names, 'j.id'].join(', ')})`;
  const bound = leading.map(([, value]) => values.bind(value));
  const isLater = `${row} ${oldestFirst && after !== undefined ? '>' : '>='} (${[...bound, values.bind(begin)].join(', ')})`;
  const isEarlier = `${row} ${!oldestFirst && after !== undefined ? '<' : '<='} (${[...bound, values.bind(end)].join(', ')})`;
  const present = names.map((column) => `${column} is not null`); // what partial indexes want to hear
  const conditions = [isLater, isEarlier, ...present, ...conditionsOf(within, values)];
  const order = [...names, 'j.id'].map((column) => `${column} ${direction}`).join(', ');
  return `(select ${columns} from background_jobs j where ${conditions.join(' and ')} order by ${order} ${more})`;
}

export const beforeAllIds = '00000000-0000-0000-0000-000000000000';
export const afterAllIds = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A creator or a type, and nothing else that would have to be looked for in every organisation. */
function leap(organizationId: string | undefined, period: JobFilter, rest: JobFilter) {
  const [only, ...more] = Object.keys(rest);
  const leaps = organizationId === undefined && more.length === 0 && (only === 'createdBy' || only === 'jobType');
  return leaps ? { acrossOrganizations: { ...period, ...rest } } : {};
}

/** No status and all of them ask for nothing. */
function defined({ status, ...filter }: JobFilter): JobFilter {
  const narrows = status !== undefined && ![0, jobStates.length].includes(new Set(status).size);
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(narrows && { status }) };
}
