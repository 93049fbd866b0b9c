/** Which of a person's own jobs are still of interest. */
import { rowsOf, type Transaction } from '../platform/database/index.js';

/** Of the newest so many of a person's jobs those of interest are picked; a machine's key may have made millions. */
const lookBack = 5_000;
const mostShown = 200;

/**
 * Processing at any age, queued or failed within the last hour, completed or cancelled within five minutes; newest first.
 * Running jobs come from the claims, so age does not hide them; the others from the newest 5,000 of the person's own.
 */
export async function idsOfOwnActiveJobs(tx: Transaction, createdBy: string): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    tx,
    `with running as materialized (select job_id, run from running_jobs()),
     mine as (
       select j.id, j.run, j.status, j.updated_at, j.completed_at from background_jobs j
        where j.created_by = $1 order by j.id desc limit ${lookBack})
     select j.id from background_jobs j join running r on r.job_id = j.id and r.run = j.run
      where j.created_by = $1 and j.status = 'queued'
     union
     select id from mine
      where status in ('queued', 'failed') and coalesce(completed_at, updated_at) > carillon_now() - interval '1 hour'
         or status in ('completed', 'cancelled') and completed_at > carillon_now() - interval '5 minutes'
     order by id desc limit ${mostShown}`,
    [createdBy],
  );
  return rows.map((row) => row.id);
}
