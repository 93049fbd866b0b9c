/** Batches: jobs that are counted together. Adding their jobs lets the counters grow (insert.ts), ending them lets them shrink (finish_runs). */
import type { Sql } from '../ports.js';

export interface NewBatch {
  id: string;
  organizationId: string;
  name?: string | undefined;
  createdBy?: string | undefined;
}

/** Without jobs yet: invisible until its caller's commit, it cannot be taken for finished. */
export async function insertBatch(tx: Sql, batch: NewBatch): Promise<void> {
  await tx.query({
    name: 'carillon-insert-batch',
    text: `insert into job_batches (id, organization_id, name, created_by) values ($1, $2, $3, $4)`,
    values: [batch.id, batch.organizationId, batch.name ?? null, batch.createdBy ?? null],
  });
}

/** Names what waits for the batch's end; an empty one has finished already, and takes no more jobs. */
export async function completeBatch(
  tx: Sql,
  batchId: string,
  { completionJobId, empty }: { completionJobId: string | null; empty: boolean },
): Promise<void> {
  await tx.query({
    name: 'carillon-complete-batch',
    text: `update job_batches set completion_job_id = $2, finished_at = case when $3 then carillon_now() end where id = $1`,
    values: [batchId, completionJobId, empty],
  });
}
