import type { Dataset, DatasetFormat } from './dataset.entity.js';
import type { Column } from './formats/schema.js';
import type { BadRow } from './formats/table-reader.js';

/** What an import answers as its job's result; the dataset itself tells all. */
export interface ImportSummary {
  /** What people are told of it. */
  summary: string;
  datasetId: string;
  rows: number;
  badRows: number;
  /** The first of them. */
  badRowSamples: BadRow[];
  /** The first of them. */
  columns: Column[];
  columnCount: number;
  format: DatasetFormat;
  /** The dataset that had the same content before. */
  duplicateOf?: string;
}

/** A result is read with every look at the job, so it is kept small. */
export const most = { badRows: 20, columns: 100 } as const;

export function summaryOf(
  fileName: string,
  dataset: Pick<Dataset, 'id' | 'rowCount' | 'badRowCount' | 'badRowSamples' | 'columns' | 'format'>,
): ImportSummary {
  const bad = dataset.badRowCount > 0 ? `, ${counted(dataset.badRowCount, 'bad row')} left out` : '';
  return {
    summary: `${fileName} imported: ${counted(dataset.rowCount, 'row')} of ${counted(dataset.columns.length, 'column')}${bad}`,
    datasetId: dataset.id,
    rows: dataset.rowCount,
    badRows: dataset.badRowCount,
    badRowSamples: dataset.badRowSamples.slice(0, most.badRows),
    columns: dataset.columns.slice(0, most.columns),
    columnCount: dataset.columns.length,
    format: dataset.format,
  };
}

/** `1 row`, `50,000 rows` */
export const counted = (count: number, thing: string) =>
  `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`;
