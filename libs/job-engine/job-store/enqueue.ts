/** How jobs come in: one statement for any number, and one more round for each whose key is taken. */
import { RequestRefused } from '../errors.js';
import type { EnqueuedJob, Sql } from '../ports.js';
import { resolveClash } from './clashes.js';
import { answerOf, type Company, insertOnce } from './insert.js';
import type { NewJob } from './new-job.js';

/**
 * Inserts jobs and, for each, its entry where it waits: job_ready, job_later or job_held. Works in anybody's transaction: as
 * carillon_app within its organisation, as carillon_engine for all. A clash of an idempotency or unique key is settled as the request
 * says. Where that, or a parent or a batch, refuses a job, the error stands in its place.
 */
export async function insertJobs(
  sql: Sql,
  jobs: readonly NewJob[],
  queueNumbers: ReadonlyMap<string, number>,
  company: Company,
): Promise<(EnqueuedJob | Error)[]> {
  const insert = (some: readonly NewJob[]) => insertOnce(sql, some, queueNumbers, company);
  const inserted = await insert(jobs);
  const answers: (EnqueuedJob | Error)[] = [];
  for (const [index, job] of jobs.entries()) {
    const made = inserted.get(job.id);
    const answer =
      made === undefined
        ? await resolveClash(sql, job, queueNumbers, insert).catch((error: Error) => error)
        : answerOf(job, made);
    if (answer instanceof RequestRefused) answer.request = index;
    if (answer instanceof Error && company === 'together') throw answer;
    answers.push(answer);
  }
  return answers;
}
