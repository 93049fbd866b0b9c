/** Second reading: good rows as typed JSON, gathered into batches that one transaction takes. */
import { type Column, convert } from './formats/schema.js';
import type { TableReader, TableRow } from './formats/table-reader.js';

export interface RowBatch {
  /** Number of its first row, from 1. */
  first: number;
  count: number;
  /** An array of rows, each an array of values in the order of the columns. */
  json: string;
}

/** Far below the 10,000 rows a transaction may write: a cancel is noticed between batches. */
const batchRows = 5_000;
const batchCharacters = 1_048_576;

export class RowBatcher {
  private pending: string[] = [];
  private length = 0;
  private next = 1;

  constructor(
    private readonly reader: TableReader,
    private readonly columns: readonly Column[],
  ) {}

  /** Takes rows and answers the batches that they fill. */
  *add(rows: readonly TableRow[]): Generator<RowBatch> {
    for (const row of rows) {
      if ('reason' in row) continue;
      const json = JSON.stringify(
        this.columns.map(({ type }, i) => convert(row.cells[i], type, this.reader.readsText)),
      );
      this.pending.push(json);
      this.length += json.length;
      if (this.pending.length >= batchRows || this.length >= batchCharacters) yield this.flush();
    }
  }

  *end(): Generator<RowBatch> {
    if (this.pending.length > 0) yield this.flush();
  }

  private flush(): RowBatch {
    const batch = { first: this.next, count: this.pending.length, json: `[${this.pending.join(',')}]` };
    this.next += batch.count;
    this.pending = [];
    this.length = 0;
    return batch;
  }
}
