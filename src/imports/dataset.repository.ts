import { IsNull, Not } from 'typeorm';
import { boundedCount } from '../platform/http/index.js';
import { rowsOf, sqlOf, type SqlExecutor, type Transaction } from '../platform/database/index.js';
import { Dataset } from './dataset.entity.js';

export type NewDataset = Pick<
  Dataset,
  'id' | 'organizationId' | 'uploadId' | 'run' | 'name' | 'fileName' | 'bytes' | 'sha256' | 'createdBy'
>;
export type DatasetFacts = Pick<Dataset, 'format' | 'columns' | 'rowCount' | 'badRowCount' | 'badRowSamples'>;

export type ListedDataset = Omit<Dataset, 'uploadId' | 'run' | 'columns' | 'badRowSamples' | 'publishedAt'> & {
  columnCount: number;
};

/** One run's claim on a dataset that is being made: every statement of the run checks it. */
export interface RunOf {
  datasetId: string;
  run: string;
}

/** Rows that one transaction writes or deletes at most. */
export const rowsPerTransaction = 10_000;

/** All statements about datasets and their rows. */
export const datasets = {
  find: (tx: Transaction, id: string) => tx.getRepository(Dataset).findOneBy({ id, publishedAt: Not(IsNull()) }),

  /** Newest first, without what only a single one shows: its columns and bad rows may be megabytes. */
  async list(
    tx: Transaction,
    page: { skip: number; limit: number },
  ): Promise<{ rows: ListedDataset[]; counted: number }> {
    const rows = await rowsOf<ListedDataset>(
      tx,
      `select id, organization_id "organizationId", name, file_name "fileName", bytes::float8 bytes, sha256, format, row_count "rowCount",
              bad_row_count "badRowCount", jsonb_array_length(columns) "columnCount", created_by "createdBy", created_at "createdAt"
         from datasets where published_at is not null order by id desc offset $1 limit $2`,
      [page.skip, page.limit],
    );
    const [counted] = await rowsOf<{ counted: number }>(
      tx,
      boundedCount(`select 1 from datasets where published_at is not null`),
    );
    return { rows, counted: counted!.counted };
  },

  /** Rows `after + 1` and on. They are numbered from 1 without a gap, so a page is a range of the key however deep it lies. */
  async rows(tx: Transaction, { id, run }: Dataset, after: number, limit: number): Promise<unknown[][]> {
    const rows = await rowsOf<{ data: unknown[] }>(
      tx,
      `select data from dataset_rows where dataset_id = $1 and run = $2 and row_number > $3 order by row_number limit $4`,
      [id, run, after, limit],
    );
    return rows.map((row) => row.data);
  },

  /** Makes the draft, or takes it over from an earlier run. Undefined: it is published, or a later run has it. */
  async takeDraft(tx: Transaction, draft: NewDataset): Promise<boolean> {
    const rows = await rowsOf(
      tx,
      `insert into datasets (id, organization_id, upload_id, run, name, file_name, bytes, sha256, created_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       on conflict (id) do update set run = excluded.run where datasets.published_at is null and datasets.run <= excluded.run
       returning id`,
      [
        draft.id,
        draft.organizationId,
        draft.uploadId,
        draft.run,
        draft.name,
        draft.fileName,
        draft.bytes,
        draft.sha256,
        draft.createdBy,
      ],
    );
    return rows.length > 0;
  },

  /** Another dataset with this content. */
  original: (tx: Transaction, { id, sha256 }: Pick<Dataset, 'id' | 'sha256'>) =>
    tx.getRepository(Dataset).findOneBy({ sha256, id: Not(id), publishedAt: Not(IsNull()) }),

  /**
   * Writes rows as carrying this run, numbered from `first`. `json`: an array of arrays. The draft's row is locked FOR SHARE, so that a run
   * which takes it over waits for this batch and then sees its rows to delete. Answers how many were written; 0 when the draft is another's.
   */
  async insertRows(tx: Transaction, { datasetId, run }: RunOf, first: number, json: string): Promise<number> {
    const { rowCount } = await (
      await sqlOf(tx)
    ).query(
      `with mine as materialized (select id, organization_id from datasets where id = $1 and run = $2 and published_at is null for share)
       insert into dataset_rows (dataset_id, run, row_number, organization_id, data)
       select mine.id, $2, $3::int + cell.ordinality - 1, mine.organization_id, cell.value
         from mine, jsonb_array_elements($4::jsonb) with ordinality cell`,
      [datasetId, run, first, json],
    );
    return rowCount ?? 0;
  },

  /** Deletes rows of this dataset, those of `run` or, with `others`, those of every other run. Answers how many; call again while it is the bound. */
  async deleteRows(tx: Transaction, { datasetId, run }: RunOf, others = false): Promise<number> {
    const { rowCount } = await (
      await sqlOf(tx)
    ).query(
      `delete from dataset_rows where ctid = any(array(
         select ctid from dataset_rows where dataset_id = $1 and run ${others ? '<>' : '='} $2 limit ${rowsPerTransaction}))`,
      [datasetId, run],
    );
    return rowCount ?? 0;
  },

  /** False when the draft is another run's. @throws a unique violation of `datasets_content_unique` when another import of the content was first */
  async publish(tx: Transaction, { datasetId, run }: RunOf, facts: DatasetFacts): Promise<boolean> {
    const rows = await rowsOf(
      tx,
      `update datasets set published_at = carillon_now(), format = $3, columns = $4, row_count = $5, bad_row_count = $6, bad_row_samples = $7
        where id = $1 and run = $2 and published_at is null returning id`,
      [
        datasetId,
        run,
        facts.format,
        JSON.stringify(facts.columns),
        facts.rowCount,
        facts.badRowCount,
        JSON.stringify(facts.badRowSamples),
      ],
    );
    return rows.length > 0;
  },

  /** Deletes the draft, once its rows are gone. False when it is published or another run's. */
  async deleteDraft(tx: Transaction, { datasetId, run }: RunOf): Promise<boolean> {
    const rows = await rowsOf(
      tx,
      `delete from datasets where id = $1 and run = $2 and published_at is null returning id`,
      [datasetId, run],
    );
    return rows.length > 0;
  },

  /** Drafts that no run will finish, because their job has ended or is gone. */
  async forsakenDrafts(sql: SqlExecutor): Promise<(RunOf & { organizationId: string })[]> {
    const { rows } = await sql.query<RunOf & { organizationId: string }>(
      `select d.id "datasetId", d.run, d.organization_id "organizationId"
         from datasets d left join background_jobs j on j.id = d.id
        where d.published_at is null and (j.id is null or j.completed_at is not null) limit 1000`,
    );
    return rows;
  },
};

/** Whether this error says that the content was published by another import meanwhile. */
export function isContentTaken(error: unknown): boolean {
  const { constraint, driverError } = (error ?? {}) as { constraint?: string; driverError?: { constraint?: string } };
  return (constraint ?? driverError?.constraint) === 'datasets_content_unique';
}
