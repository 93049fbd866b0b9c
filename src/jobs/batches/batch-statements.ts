/** Every statement that reads batches. A transaction sees its organisation's, or all (platform). */
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { boundedCount } from '../../platform/http/index.js';
import type { BatchDto } from './batch.dto.js';

const columns = `id, organization_id as "organizationId", name, total, pending, completed, failed, cancelled,
  case when total = 0 then 100 else (total - pending)::bigint * 100 / total end::int as progress,
  completion_job_id as "completionJobId", created_at as "createdAt", created_by as "createdBy", finished_at as "finishedAt"`;

export async function findBatch(tx: Transaction, batchId: string): Promise<BatchDto | null> {
  const [batch] = await rowsOf<BatchDto>(tx, `select ${columns} from job_batches where id = $1`, [batchId]);
  return batch ?? null;
}

export interface BatchPage {
  /** Null: those of every organisation within reach. */
  organizationId: string | null;
  /** The id of the last batch of the page before. */
  after: string | null;
  skip: number;
  limit: number;
}

/** Newest first; one more than the limit, if there is one. 10,001 counted stands for that or more. */
export async function findBatches(
  tx: Transaction,
  { organizationId, after, skip, limit }: BatchPage,
): Promise<{ batches: BatchDto[]; counted: number }> {
  const mine = organizationId === null ? 'true' : 'organization_id = $1';
  const [count] = await rowsOf<{ counted: number }>(
    tx,
    boundedCount(`select 1 from job_batches where ${mine}`),
    organizationId === null ? [] : [organizationId],
  );
  const batches = await rowsOf<BatchDto>(
    tx,
    `select ${columns} from job_batches where ($1::uuid is null or organization_id = $1) and ($2::uuid is null or id < $2)
      order by id desc limit $3 offset $4`,
    [organizationId, after, limit + 1, skip],
  );
  return { batches, counted: count!.counted };
}
