/**
 * Finds jobs by filter, page by page: ids alone. The wide columns are read for the page only, and the view's join with what runs would
 * keep the planner from walking the index.
 */
import { rowsOf, type Transaction } from '../platform/database/index.js';
import { boundedCount } from '../platform/http/index.js';
import { BoundValues, candidatesOf, conditionsOf } from './job-conditions.js';
import type { JobFilter } from './job-list-query.dto.js';
import { afterAllIds, beforeAllIds, pathsOf, type SearchPath, walkOf } from './search-path.js';

export interface JobPage {
  limit: number;
  skip: number;
  /** The id of the last job of the page before, or of the last one looked at. */
  after?: string;
  oldestFirst: boolean;
}

export interface FoundJobs {
  /** Those of the page and one more, if there is one. */
  ids: string[];
  /** 10,001 stands for that or more. */
  counted: number;
  /** Not all jobs were looked at: there may be more than were counted. */
  countedInPart?: true;
  /** The page may lack jobs beyond this one, the last that was looked at. */
  searchedTo?: string;
}

/** Totals are exact up to here. */
const exactUpTo = 10_000;
/** Jobs looked at for conditions that no index answers: some 10 ms. Text and payloads take longer to compare. */
const budgetFor = ({ rest, isWhole }: SearchPath) =>
  isWhole ? Infinity : rest.q === undefined && rest.payload === undefined ? 20_000 : 10_000;
/** What is on one job in 40 or more fills a page from so many; what is rarer has a better way. */
const lookedAtFirst = 2_000;

export async function findJobs(tx: Transaction, filter: JobFilter, page: JobPage): Promise<FoundJobs> {
  const named = await countUnended(tx, filter);
  if (named !== null && named <= exactUpTo) return pick(tx, filter, page, candidatesOf);
  if (filter.tag !== undefined && !(await fillsFromTheNewest(tx, filter, page))) {
    const tagged = await counted(tx, (values) => taggedJobs(filter, values));
    if (tagged <= exactUpTo) return pick(tx, filter, page, taggedJobs);
  }
  const path = pathsOf(filter);
  if (path.acrossOrganizations && !(await fillsFromTheNewest(tx, filter, page)))
    return leapOverOrganizations(tx, path.acrossOrganizations, page);
  const found = await walk(tx, path, page);
  return named !== null && !narrowsMoreThanStatus(filter) ? { ...found, counted: named } : found;
}

/**
 * Ids of one page after another, without a total, until there are none: what reads a list to its end. `after` is where the page before
 * had come to; answers where this one came to, null at the end.
 */
export async function nextIds(
  tx: Transaction,
  filter: JobFilter,
  { after, oldestFirst, limit }: Omit<JobPage, 'skip'>,
): Promise<{ ids: string[]; after: string | null }> {
  const path = pathsOf(filter);
  const begin = after ?? (oldestFirst ? beforeAllIds : afterAllIds);
  const page = { after: begin, oldestFirst, limit, skip: 0 };
  const { ids, searchedTo } = await look(tx, path, page, budgetFor(path));
  const shown = ids.slice(0, limit);
  return { ids: shown, after: ids.length > limit ? shown.at(-1)! : (searchedTo ?? null) };
}

const narrowsMoreThanStatus = (filter: JobFilter) =>
  Object.values({ ...filter, status: undefined, organizationId: undefined }).some((value) => value !== undefined);

/** Jobs that have not ended, by what the narrow tables name: as long as that is little they are looked up there. Null: others are wanted, too. */
async function countUnended(tx: Transaction, filter: JobFilter): Promise<number | null> {
  if (candidatesOf(filter, new BoundValues()) === null) return null;
  return counted(tx, (values) => candidatesOf(filter, values)!);
}

/** From the newest on along an index, until the page is full and 10,001 are counted, or enough was looked at. */
async function walk(tx: Transaction, path: SearchPath, page: JobPage): Promise<FoundJobs> {
  const budget = budgetFor(path);
  const found = await look(tx, path, page, budget);
  if (page.after === undefined) return found;
  const { after: _after, ...begin } = page;
  const whole = await look(tx, path, { ...begin, limit: 0, skip: 0 }, budget);
  const { countedInPart: _inPart, ...pageFound } = found;
  return { ...pageFound, counted: whole.counted, ...(whole.countedInPart && { countedInPart: true }) };
}

async function look(
  tx: Transaction,
  { branches, rest }: SearchPath,
  { after, oldestFirst, skip, limit }: JobPage,
  budget: number,
): Promise<FoundJobs> {
  const values = new BoundValues();
  const wanted = skip + limit + 1;
  const direction = oldestFirst ? 'asc' : 'desc';
  const bound = Math.max(after === undefined ? exactUpTo + 1 : 0, wanted);
  const most = `limit ${values.bind(budget === Infinity ? bound : budget + skip)}`;
  const walks = branches.map((branch) => walkOf(branch, { after, oldestFirst }, 'j.*', values, most));
  // one walk comes in order as it is, and ends as soon as enough is found; to be told the order it would be sorted as a whole
  const merged = walks.length > 1 ? `order by j.id ${direction}` : '';
  const [row] = await rowsOf<{ ids: string[]; counted: number }>(
    tx,
    `with found as materialized (
       select j.id from (${walks.join(' union all ')}) j ${where(conditionsOf(rest, values))} ${merged} limit ${values.bind(bound)})
     select array(select f.id from found f order by f.id ${direction} limit ${values.bind(limit + 1)} offset ${values.bind(skip)}) as ids,
       (select count(*)::int from found) as counted`,
    values.list,
  );
  const found = { ids: row!.ids, counted: Math.min(row!.counted, exactUpTo + 1) };
  if (budget === Infinity || row!.counted >= bound) return found;
  const last = await lastLookedAt(tx, { branches, rest }, { after, oldestFirst }, budget + skip);
  if (last === null) return found;
  if (row!.counted >= wanted) return { ...found, countedInPart: true };
  // of two walks the longer one has gone beyond: what it met there belongs to the next page
  const ids = found.ids.filter((id) => (oldestFirst ? id <= last : id >= last));
  return { ...found, ids, countedInPart: true, searchedTo: last };
}

/** Null where all were looked at. Of several branches the one that came least far. */
async function lastLookedAt(
  tx: Transaction,
  { branches }: Pick<SearchPath, 'branches' | 'rest'>,
  { after, oldestFirst }: { after: string | undefined; oldestFirst: boolean },
  budget: number,
): Promise<string | null> {
  const values = new BoundValues();
  const at = `limit 1 offset ${values.bind(budget - 1)}`;
  const lasts = branches.map((branch) => walkOf(branch, { after, oldestFirst }, 'j.id', values, at));
  const text = `select id from (${lasts.join(' union all ')}) l order by id ${oldestFirst ? 'asc' : 'desc'} limit 1`;
  return (await rowsOf<{ id: string }>(tx, text, values.list))[0]?.id ?? null;
}

/** The candidates as an array: known to be few, they are looked up by the primary key, once for page and count. */
async function pick(
  tx: Transaction,
  filter: JobFilter,
  { after, oldestFirst, limit, skip }: JobPage,
  candidatesFor: (filter: JobFilter, values: BoundValues) => string | null,
): Promise<FoundJobs> {
  const values = new BoundValues();
  const candidates = `j.id = any (array(${candidatesFor(filter, values)}))`;
  const direction = oldestFirst ? 'asc' : 'desc';
  const [row] = await rowsOf<FoundJobs>(
    tx,
    `with found as materialized (
       select j.id from background_jobs j ${where([candidates, ...conditionsOf(filter, values)])})
     select array(select f.id from found f ${after === undefined ? '' : `where f.id ${oldestFirst ? '>' : '<'} ${values.bind(after)}`}
         order by f.id ${direction} limit ${values.bind(limit + 1)} offset ${values.bind(skip)}) as ids,
       (select count(*)::int from found) as counted`,
    values.list,
  );
  return row!;
}

/**
 * Of all jobs with the tag, by its index. Behind the wall of an organisation through a function: to the planner the comparison of arrays
 * might tell what it saw, so it would first read all rows of the organisation.
 */
function taggedJobs({ tag, organizationId }: JobFilter, values: BoundValues): string {
  if (organizationId !== undefined)
    return `select t.id from tagged_jobs(${values.bind(organizationId)}, ${values.bind(tag)}, ${exactUpTo + 1}) t (id)`;
  return `select t.id from background_jobs t where t.tags <> '{}' and job_tag_keys(t.organization_id, t.tags) @> array[${values.bind(tag)}]::text[]`;
}

/** What many jobs have fills the page from the newest; to find and sort all that have it would take long. */
async function fillsFromTheNewest(tx: Transaction, filter: JobFilter, page: JobPage): Promise<boolean> {
  const { ids } = await look(tx, pathsOf(filter), page, lookedAtFirst);
  return ids.length > page.limit;
}

/** What is rare among all jobs is found by one look into the index for each organisation. */
async function leapOverOrganizations(
  tx: Transaction,
  filter: JobFilter,
  { after, oldestFirst, limit, skip }: JobPage,
): Promise<FoundJobs> {
  const values = new BoundValues();
  const direction = oldestFirst ? 'asc' : 'desc';
  const beyond = after === undefined ? [] : [`j.id ${oldestFirst ? '>' : '<'} ${values.bind(after)}`];
  const conditions = ['j.organization_id = o.id', ...conditionsOf(filter, values), ...beyond];
  const rows = await rowsOf<{ id: string }>(
    tx,
    `select f.id from organizations o cross join lateral (
       select j.id from background_jobs j ${where(conditions)} order by j.id ${direction} limit ${values.bind(skip + limit + 1)}) f
      order by f.id ${direction} limit ${values.bind(limit + 1)} offset ${values.bind(skip)}`,
    values.list,
  );
  const total = await counted(
    tx,
    (bound) =>
      `select 1 from organizations o cross join lateral (
         select from background_jobs j ${where(['j.organization_id = o.id', ...conditionsOf(filter, bound)])} offset 0) f`,
  );
  return { ids: rows.map(({ id }) => id), counted: total };
}

async function counted(tx: Transaction, select: (values: BoundValues) => string): Promise<number> {
  const values = new BoundValues();
  const text = boundedCount(select(values));
  return (await rowsOf<{ counted: number }>(tx, text, values.list))[0]!.counted;
}

const where = (conditions: readonly string[]) => (conditions.length > 0 ? `where ${conditions.join(' and ')}` : '');
