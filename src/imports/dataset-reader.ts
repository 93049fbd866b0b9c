import { Inject, Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { Database, type Transaction } from '../platform/database/index.js';
import { notFound, type Principal, totalOf } from '../platform/http/index.js';
import type { Dataset } from './dataset.entity.js';
import type { DatasetDto, DatasetPageDto, DatasetRowsDto, DatasetWithSchemaDto } from './dataset.dto.js';
import { datasets, type ListedDataset } from './dataset.repository.js';
import { FileMissing, STORAGE, type Storage, storageKey } from './storage/index.js';

/** The datasets of the caller's organisation; those of others are not there: 404. */
@Injectable()
export class DatasetReader {
  constructor(
    private readonly database: Database,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  async list({ organizationId }: Principal, page: { skip: number; limit: number }): Promise<DatasetPageDto> {
    const { rows, counted } = await this.database.withOrganization(organizationId, (tx) => datasets.list(tx, page));
    return { datasets: rows.map(listedOf), ...totalOf(counted) };
  }

  /** @throws Problem 404 */
  async one({ organizationId }: Principal, id: string): Promise<DatasetWithSchemaDto> {
    const dataset = await this.database.withOrganization(organizationId, (tx) => existing(tx, id));
    const { columns, badRowSamples } = dataset;
    return { ...listedOf({ ...dataset, columnCount: columns.length }), columns, badRowSamples };
  }

  /** @throws Problem 404 */
  rows({ organizationId }: Principal, id: string, page: { skip: number; limit: number }): Promise<DatasetRowsDto> {
    return this.database.withOrganization(organizationId, async (tx) => {
      const dataset = await existing(tx, id);
      const rows = await datasets.rows(tx, dataset, page.skip, page.limit);
      return { rows: rows.map((values) => objectOf(dataset, values)), total: dataset.rowCount };
    });
  }

  /** The file that an export of this dataset has written. @throws Problem 404 when there is none, or none any more */
  async openExport(
    { organizationId }: Principal,
    id: string,
    jobId: string,
  ): Promise<{ name: string; bytes: number; content: Readable }> {
    const { name } = await this.database.withOrganization(organizationId, (tx) => existing(tx, id));
    const key = storageKey('exports', organizationId, id, jobId);
    const file = await this.storage.stat(key);
    if (!file) throw notFound('export');
    try {
      return { name: `${name}.csv`, bytes: file.bytes, content: await this.storage.open(key) };
    } catch (error) {
      throw error instanceof FileMissing ? notFound('export') : error;
    }
  }
}

async function existing(tx: Transaction, id: string): Promise<Dataset> {
  const dataset = await datasets.find(tx, id);
  if (!dataset) throw notFound('dataset');
  return dataset;
}

const listedOf = (dataset: ListedDataset): DatasetDto => ({
  id: dataset.id,
  organizationId: dataset.organizationId,
  name: dataset.name,
  fileName: dataset.fileName,
  bytes: dataset.bytes,
  sha256: dataset.sha256,
  format: dataset.format,
  rowCount: dataset.rowCount,
  badRowCount: dataset.badRowCount,
  columnCount: dataset.columnCount,
  jobId: dataset.id,
  createdBy: dataset.createdBy,
  createdAt: dataset.createdAt,
});

/** `Object.fromEntries` defines keys rather than setting them, so a column called `__proto__` is one like any other. */
const objectOf = ({ columns }: Dataset, values: unknown[]) =>
  Object.fromEntries(columns.map(({ name }, i) => [name, values[i] ?? null]));
