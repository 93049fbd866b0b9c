import { Inject } from '@nestjs/common';
import { IsUUID } from 'class-validator';
import { Readable } from 'node:stream';
import { DiscardJob, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { Database } from '../platform/database/index.js';
import type { Dataset } from './dataset.entity.js';
import { datasets } from './dataset.repository.js';
import type { Cell } from './formats/schema.js';
import { csvLine } from './formats/write-csv.js';
import { STORAGE, type Storage, storageKey } from './storage/index.js';

export class ExportDatasetPayload {
  /** The dataset to write out. */
  @IsUUID()
  datasetId!: string;
}

export interface ExportSummary {
  datasetId: string;
  rows: number;
  bytes: number;
  /** Where the file is fetched, for seven days. */
  downloadPath: string;
}

/** Exports are made anew at will, so they are not kept long. */
export const exportsKeptMs = 7 * 86_400_000;

const pageRows = 2_000;

/** Writes a dataset as CSV that a spreadsheet opens without running anything. Safe to run again: a later run replaces the file as a whole. */
@JobHandler('dataset.export', { queue: 'exports', maxRetries: 3, timeoutSeconds: 3_600, payload: ExportDatasetPayload })
export class ExportDataset implements Job<ExportDatasetPayload, ExportSummary> {
  constructor(
    private readonly database: Database,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  async run({ datasetId }: ExportDatasetPayload, ctx: JobContext): Promise<ExportSummary> {
    const dataset = await this.database.withOrganization(ctx.organizationId, (tx) => datasets.find(tx, datasetId));
    if (!dataset) throw new DiscardJob(`There is no dataset ${datasetId} in this organisation.`, 'dataset_missing');
    ctx.setSubject('dataset', datasetId);
    const key = storageKey('exports', ctx.organizationId, datasetId, ctx.jobId);
    await this.storage.put(key, Readable.from(this.lines(dataset, ctx), { objectMode: false }), ctx.signal);
    await ctx.progress(100, 'file ready');
    const { bytes } = (await this.storage.stat(key))!;
    return {
      datasetId,
      rows: dataset.rowCount,
      bytes,
      downloadPath: `/api/v2/datasets/${datasetId}/exports/${ctx.jobId}`,
    };
  }

  /** The file, a page of rows at a time. */
  private async *lines(dataset: Dataset, ctx: JobContext): AsyncGenerator<string> {
    yield `\ufeff${csvLine(dataset.columns.map(({ name }) => name))}`; // Excel takes UTF-8 for what it is only with the mark
    for (let done = 0; done < dataset.rowCount;) {
      ctx.signal.throwIfAborted();
      const rows = await this.database.withOrganization(ctx.organizationId, (tx) =>
        datasets.rows(tx, dataset, done, pageRows),
      );
      if (rows.length === 0)
        throw new Error(`row ${done + 1} of ${dataset.rowCount} of dataset ${dataset.id} is missing`);
      yield rows.map((row) => csvLine(row as Cell[])).join('');
      done += rows.length;
      ctx
        .progress(Math.floor((99 * done) / dataset.rowCount), `${done} of ${dataset.rowCount} rows`)
        .catch(() => undefined);
    }
  }
}
