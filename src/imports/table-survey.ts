/** First reading of a file: which columns of which types it has, how many rows, and which of them are bad. Keeps no row. */
import { UnreadableFile } from './formats/format.js';
import { type Column, ColumnProfile } from './formats/schema.js';
import type { BadRow, TableReader, TableRow } from './formats/table-reader.js';

/** Bad rows that are kept with number and reason; the others are only counted. */
export const keptBadRows = 1_000;

/** More bad rows than this share of all, and the file is not what it was taken for. */
export const tolerableShare = 0.5;

export class TableSurvey {
  readonly badRows: BadRow[] = [];
  badCount = 0;
  goodCount = 0;
  private readonly profiles: ColumnProfile[] = [];

  constructor(private readonly reader: TableReader) {}

  add(rows: readonly TableRow[]): void {
    const { readsText } = this.reader;
    for (const row of rows) {
      if ('reason' in row) {
        this.badCount++;
        if (this.badRows.length < keptBadRows) this.badRows.push(row);
        continue;
      }
      this.goodCount++;
      for (let i = 0; i < row.cells.length; i++)
        (this.profiles[i] ??= new ColumnProfile()).observe(row.cells[i], readsText);
    }
    // no need to read 200 MB of something else to the end
    if (this.badCount > 10_000 && this.badCount > this.goodCount) this.refuse();
  }

  /** @throws UnreadableFile when there are no rows, or too many bad ones */
  end(): Column[] {
    if (this.goodCount + this.badCount === 0) {
      const what = this.reader.columns.length > 0 ? 'a header and no rows' : 'no rows';
      throw new UnreadableFile(`The file holds ${what}: there is nothing to import.`, 'no_rows');
    }
    if (this.badCount > (this.goodCount + this.badCount) * tolerableShare) this.refuse();
    return this.reader.columns.map((column, i) => ({
      ...column,
      ...(this.profiles[i] ?? new ColumnProfile()).result(this.goodCount),
    }));
  }

  private refuse(): never {
    const first = this.badRows.slice(0, 3).map(({ row, line, reason }) => `row ${row} (line ${line}) ${reason}`);
    const count = `${this.badCount.toLocaleString('en')} of ${(this.goodCount + this.badCount).toLocaleString('en')} rows cannot be read`;
    const message = `${count}, more than half: ${first.join('; ')}${this.badCount > 3 ? '; …' : '.'}`;
    throw new UnreadableFile(message, 'too_many_bad_rows', this.badRows);
  }
}
