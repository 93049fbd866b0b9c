/** Every statement that reads jobs one by one or by the page. A transaction sees its organisation's jobs, or all (platform). */
import { In } from 'typeorm';
import { rowsOf, type Transaction } from '../platform/database/index.js';
import { BackgroundJob } from './background-job.entity.js';
import { JobAttempt } from './job-attempt.entity.js';
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
