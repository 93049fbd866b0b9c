import { rowsOf, type SqlExecutor, type Transaction } from '../platform/database/index.js';
import { Upload } from './upload.entity.js';

export type NewUpload = Omit<Upload, 'settledAt' | 'createdAt'>;

/** All statements about uploads. */
export const uploads = {
  async insert(tx: Transaction, upload: NewUpload): Promise<void> {
    await tx.getRepository(Upload).insert(upload);
  },

  find: (tx: Transaction, id: string) => tx.getRepository(Upload).findOneBy({ id }),

  /** Nothing of it waits in the staging area any more. */
  async settle(tx: Transaction, id: string): Promise<void> {
    await rowsOf(tx, `update uploads set settled_at = coalesce(settled_at, carillon_now()) where id = $1`, [id]);
  },

  /** Which of these ids have a row, in any organisation. */
  async known(sql: SqlExecutor, ids: readonly string[]): Promise<Set<string>> {
    const { rows } = await sql.query<{ id: string }>(`select id from uploads where id = any($1::uuid[])`, [ids]);
    return new Set(rows.map((row) => row.id));
  },

  /**
   * Uploads whose file still waits although their job will not come for it: cancelled or gone at once, failed since `failedBefore`, because
   * until then it may be retried by hand; completed, where the worker died while it tidied up.
   */
  async abandoned(sql: SqlExecutor, failedBefore: Date): Promise<Pick<Upload, 'id' | 'organizationId' | 'jobId'>[]> {
    const { rows } = await sql.query<Pick<Upload, 'id' | 'organizationId' | 'jobId'>>(
      `select u.id, u.organization_id "organizationId", u.job_id "jobId"
         from uploads u left join background_jobs j on j.id = u.job_id
        where u.settled_at is null
          and (j.id is null or j.status in ('cancelled', 'completed') or (j.status = 'failed' and j.completed_at < $1))
        order by u.created_at limit 1000`,
      [failedBefore],
    );
    return rows;
  },
};
