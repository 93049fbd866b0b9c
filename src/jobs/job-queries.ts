/** Every statement that reads jobs one by one or by the page. A transaction sees its organisation's jobs, or all (platform). */
import { In } from 'typeorm';
import { rowsOf, type Transaction } from '../platform/database/index.js';
import { boundedCount } from '../platform/http/index.js';
import { BackgroundJob } from './background-job.entity.js';
import { JobAttempt } from './job-attempt.entity.js';
import { BoundValues, conditionsOf } from './job-conditions.js';
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

/**
 * The ids of one page and one more, if there is one. Ids alone: the wide columns are read for the page only, and the view's
 * join with what runs would keep the planner from walking the index.
 */
export async function pageOfIds(tx: Transaction, filter: JobFilter, page: JobPage): Promise<string[]> {
  const values = new BoundValues();
  const conditions = conditionsOf(filter, values);
  if (page.after) conditions.push(`j.id ${page.oldestFirst ? '>' : '<'} ${values.bind(page.after)}`);
  const rows = await rowsOf<{ id: string }>(
    tx,
    `select j.id from background_jobs j ${where(conditions)} order by j.id ${page.oldestFirst ? 'asc' : 'desc'}
     limit ${values.bind(page.limit + 1)} offset ${values.bind(page.skip)}`,
    values.list,
  );
  return rows.map((row) => row.id);
}

/** 10,001 stands for that or more. */
export async function countJobs(tx: Transaction, filter: JobFilter): Promise<number> {
  const values = new BoundValues();
  const conditions = conditionsOf(filter, values);
  const rows = await rowsOf<{ counted: number }>(
    tx,
    boundedCount(`select 1 from background_jobs j ${where(conditions)}`),
    values.list,
  );
  return rows[0]!.counted;
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

const where = (conditions: readonly string[]) => (conditions.length > 0 ? `where ${conditions.join(' and ')}` : '');
