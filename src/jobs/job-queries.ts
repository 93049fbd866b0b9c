/** Every statement that reads jobs one by one or by the page. A transaction sees its organisation's jobs, or all (platform). */
import { In } from 'typeorm';
import { rowsOf, type Transaction } from '../platform/database/index.js';
import { boundedCount } from '../platform/http/index.js';
import { BackgroundJob } from './background-job.entity.js';
import { JobAttempt } from './job-attempt.entity.js';
import { BoundValues, candidatesOf, conditionsOf } from './job-conditions.js';
import type { JobFilter } from './job-list-query.dto.js';
import { JobLogEntry } from './job-log-entry.entity.js';
import { attemptOf, jobOf, logEntryOf } from './job-representation.js';
import type { JobDto, JobLogPageDto, JobWithAttemptsDto } from './job.dto.js';

export async function findJob(tx: Transaction, jobId: string): Promise<JobWithAttemptsDto | null> {
  const job = await tx.getRepository(BackgroundJob).findOneBy({ id: jobId });
  if (!job) return null;
  const attempts = await tx.getRepository(JobAttempt).find({ where: { jobId }, order: { number: 'ASC' } });
  return { ...jobOf(job), attempts: attempts.map(attemptOf) };
}

export async function findOwnJob(tx: Transaction, jobId: string, createdBy: string): Promise<JobDto | null> {
  const job = await tx.getRepository(BackgroundJob).findOneBy({ id: jobId, createdBy });
  return job && jobOf(job);
}

/** Oldest first. */
export async function logOfJob(
  tx: Transaction,
  jobId: string,
  page: { skip: number; limit: number },
): Promise<JobLogPageDto> {
  const [entries, total] = await tx
    .getRepository(JobLogEntry)
    .findAndCount({ where: { jobId }, order: { id: 'ASC' }, skip: page.skip, take: page.limit });
  return { entries: entries.map(logEntryOf), total };
}

/** In the order of the ids. */
export async function jobsOf(tx: Transaction, ids: readonly string[]): Promise<JobDto[]> {
  if (ids.length === 0) return [];
  const jobs = await tx.getRepository(BackgroundJob).findBy({ id: In(ids) });
  const byId = new Map(jobs.map((job) => [job.id, job]));
  return ids.flatMap((id) => byId.get(id) ?? []).map(jobOf);
}

export interface JobPage {
  limit: number;
  skip: number;
  /** The id of the last job of the page before. */
  after?: string;
  oldestFirst: boolean;
}

export interface FoundJobs {
  /** Those of the page and one more, if there is one. */
  ids: string[];
  /** 10,001 stands for that or more. */
  counted: number;
}

/**
 * Ids alone: the wide columns are read for the page only, and the view's join with what runs would keep the planner from
 * walking the index. Jobs that have not ended are looked for among what the narrow tables name, as long as that is little:
 * to walk a history of a million in search of them costs a second.
 */
export async function findJobs(tx: Transaction, filter: JobFilter, page: JobPage): Promise<FoundJobs> {
  const probe = new BoundValues();
  const candidates = candidatesOf(filter, probe);
  if (candidates === null) return walk(tx, filter, page);
  const named = await counted(tx, candidates, probe);
  if (named <= exactUpTo) return pick(tx, filter, page);
  return walk(tx, filter, page, narrowsMoreThanStatus(filter) ? undefined : named);
}

const exactUpTo = 10_000;

const narrowsMoreThanStatus = (filter: JobFilter) =>
  Object.values({ ...filter, status: undefined, organizationId: undefined }).some((value) => value !== undefined);

/** From the newest on along the index, until the page is full; the count, by whatever way is shortest, until it has 10,001. */
async function walk(tx: Transaction, filter: JobFilter, page: JobPage, known?: number): Promise<FoundJobs> {
  const values = new BoundValues();
  const conditions = conditionsOf(filter, values);
  const count = known ?? (await counted(tx, `select 1 from background_jobs j ${where(conditions)}`, values));
  const rows = await rowsOf<{ id: string }>(
    tx,
    `select j.id from background_jobs j ${where([...conditions, ...afterOf(page, values)])} ${orderAndBounds(page, values)}`,
    values.list,
  );
  return { ids: rows.map((row) => row.id), counted: count };
}

/** The candidates as an array: known to be short, it is looked up by the primary key, once for page and count. */
async function pick(tx: Transaction, filter: JobFilter, page: JobPage): Promise<FoundJobs> {
  const values = new BoundValues();
  const candidates = `j.id = any (array(${candidatesOf(filter, values)}))`;
  const [row] = await rowsOf<FoundJobs>(
    tx,
    `with found as materialized (
       select j.id from background_jobs j ${where([candidates, ...conditionsOf(filter, values)])})
     select array(select j.id from found j ${where(afterOf(page, values))} ${orderAndBounds(page, values)}) as ids,
       (select count(*)::int from found) as counted`,
    values.list,
  );
  return row!;
}

const afterOf = ({ after, oldestFirst }: JobPage, values: BoundValues): string[] =>
  after === undefined ? [] : [`j.id ${oldestFirst ? '>' : '<'} ${values.bind(after)}`];

const orderAndBounds = ({ limit, skip, oldestFirst }: JobPage, values: BoundValues): string =>
  `order by j.id ${oldestFirst ? 'asc' : 'desc'} limit ${values.bind(limit + 1)} offset ${values.bind(skip)}`;

async function counted(tx: Transaction, select: string, values: BoundValues): Promise<number> {
  const [row] = await rowsOf<{ counted: number }>(tx, boundedCount(select), values.list);
  return row!.counted;
}

export async function organizationOfJob(tx: Transaction, jobId: string): Promise<string | null> {
  const [row] = await rowsOf<{ id: string }>(tx, `select organization_id as id from background_jobs where id = $1`, [
    jobId,
  ]);
  return row?.id ?? null;
}

export async function organizationExists(tx: Transaction, organizationId: string): Promise<boolean> {
  return (await rowsOf(tx, `select from organizations where id = $1`, [organizationId])).length > 0;
}

/** Whether a job of the transaction's organisation was made with this idempotency key within 24 hours. */
export async function isKeyUsed(tx: Transaction, idempotencyKey: string): Promise<boolean> {
  const text = `select from background_jobs where organization_id = (select carillon_current_organization())
    and idempotency_key = $1 and created_at >= carillon_now() - interval '24 hours'`;
  return (await rowsOf(tx, text, [idempotencyKey])).length > 0;
}

/** Of these names, those that are no queue. */
export async function unknownQueues(tx: Transaction, names: readonly string[]): Promise<string[]> {
  const text = `select name from unnest($1::text[]) name where name not in (select q.name from queues q)`;
  return (await rowsOf<{ name: string }>(tx, text, [names])).map((row) => row.name);
}

const where = (conditions: readonly string[]) => (conditions.length > 0 ? `where ${conditions.join(' and ')}` : '');
