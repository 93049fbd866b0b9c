/** Which index a list of jobs follows, and what it has to check on the way. */
import { jobStates } from '@carillon/job-engine';
import { type BoundValues, conditionsOf } from './job-conditions.js';
import type { JobFilter } from './job-list-query.dto.js';

export interface SearchPath {
  /** Conditions that an index answers in the order of ids, once for each walk to be merged. */
  branches: ((values: BoundValues) => string[])[];
  /** What is left to be checked job by job. */
  rest: JobFilter;
  /** Nothing is left: whatever the walk meets belongs to the list. */
  isWhole: boolean;
  /** The filter, where each organisation's index answers it but none over all of them. */
  acrossOrganizations?: JobFilter;
}

export function pathsOf(filter: JobFilter): SearchPath {
  const { organizationId, from, to, ...others } = filter;
  const within = defined({ organizationId, from, to });
  const along = (indexed: JobFilter, more: ((values: BoundValues) => string)[] = [() => '']): SearchPath['branches'] =>
    more.map((one) => (values) => [...conditionsOf({ ...within, ...indexed }, values), one(values)].filter(Boolean));
  const path = (branches: SearchPath['branches'], rest: JobFilter): SearchPath => {
    const left = defined(rest);
    return { branches, rest: left, isWhole: Object.keys(left).length === 0, ...leap(organizationId, within, left) };
  };
  const { errorCode, status, createdBy, jobType, ...neither } = others;
  const ways = (status ?? []).filter((one) => one === 'failed' || one === 'cancelled');
  const onlyUnsuccessful = ways.length > 0 && ways.length === status!.length;
  if (errorCode !== undefined && (onlyUnsuccessful || !status?.length))
    return path(along({ errorCode }), { ...neither, status, createdBy, jobType });
  if (onlyUnsuccessful)
    return path(
      along(
        {},
        [...new Set(ways)].map((way) => (values) => `j.unsuccessful = ${values.bind(way)}`),
      ),
      { ...neither, errorCode, createdBy, jobType },
    );
  if (organizationId !== undefined && createdBy !== undefined)
    return path(along({ createdBy }), { ...neither, errorCode, status, jobType });
  if (organizationId !== undefined && jobType !== undefined)
    return path(along({ jobType }), { ...neither, errorCode, status, createdBy });
  return path(along({}), others);
}

/** A creator or a type, and nothing else that would have to be looked for in every organisation. */
function leap(organizationId: string | undefined, within: JobFilter, rest: JobFilter) {
  const [only, ...more] = Object.keys(rest);
  const leaps = organizationId === undefined && more.length === 0 && (only === 'createdBy' || only === 'jobType');
  return leaps ? { acrossOrganizations: { ...within, ...rest } } : {};
}

/** No status and all of them ask for nothing. */
function defined({ status, ...filter }: JobFilter): JobFilter {
  const narrows = status !== undefined && ![0, jobStates.length].includes(new Set(status).size);
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(narrows && { status }) };
}
