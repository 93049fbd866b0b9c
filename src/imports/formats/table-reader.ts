/** Text of any format to rows of one table; a row that cannot be read says why, a file that cannot be read ends it all. */
import { mendColumnNames, type ColumnName } from './column-names.js';
import { DelimitedParser, type TextRecord } from './delimited-parser.js';
import { type DelimitedFormat, type Format, type JsonFormat, limits, UnreadableFile } from './format.js';
import { ArrayParser, LineParser, type TextElement } from './json-parser.js';
import type { Cell } from './schema.js';
import { brokenBytes, unstorable } from './text-decoder.js';

/** `row` counts from 1 without the header, `line` is where it begins in the file. */
export interface GoodRow {
  row: number;
  line: number;
  /** In the order of the reader's columns; a JSON object without later columns has fewer. */
  cells: Cell[];
}

export interface BadRow {
  row: number;
  line: number;
  reason: string;
}

export type TableRow = GoodRow | BadRow;

export interface TableReader {
  /** Known after the first row of a delimited file; grows while JSON is read. */
  readonly columns: readonly ColumnName[];
  /** Whether numbers, truths and missing values are read from text. */
  readonly readsText: boolean;
  /** @throws UnreadableFile */
  write(text: string): TableRow[];
  /** @throws UnreadableFile */
  end(): TableRow[];
}

export const openTable = (format: Format): TableReader =>
  format.delimiter === null ? new ObjectTable(format) : new DelimitedTable(format);

const where = (row: number, line: number) => `Row ${row} (line ${line})`;

class DelimitedTable implements TableReader {
  readonly readsText = true;
  columns: readonly ColumnName[] = [];
  private readonly parser: DelimitedParser;
  private rows = 0;
  /** Once a suspicious character was seen, values are looked at one by one. */
  private careful = false;

  constructor(format: DelimitedFormat) {
    this.parser = new DelimitedParser(format.delimiter, format.newline);
  }

  write(text: string): TableRow[] {
    this.careful ||= /[\0\ud800-\udfff]/.test(text);
    return this.rowsOf(this.parser.write(text));
  }

  end(): TableRow[] {
    return this.rowsOf(this.parser.end());
  }

  private rowsOf(records: TextRecord[]): TableRow[] {
    const rows: TableRow[] = [];
    for (const record of records) {
      if (record.blank) continue;
      if (this.columns.length > 0) rows.push(this.rowOf(record, ++this.rows));
      else this.columns = headerOf(record);
    }
    return rows;
  }

  private rowOf({ line, values, fault, fatal }: TextRecord, row: number): TableRow {
    if (fatal) throw new UnreadableFile(`${where(row, line)}: ${fault}.`, 'unclosed_quote');
    const expected = this.columns.length;
    if (fault) return { row, line, reason: fault };
    if (values.length !== expected)
      return {
        row,
        line,
        reason: `has ${count(values.length, 'value')}, the header names ${count(expected, 'column')}`,
      };
    const reason = this.careful || values.some(isLong) ? this.faultIn(values, row, line) : undefined;
    return reason ? { row, line, reason } : { row, line, cells: values };
  }

  private faultIn(values: string[], row: number, line: number): string | undefined {
    for (const [i, value] of values.entries()) {
      const { name } = this.columns[i]!;
      const broken = brokenBytes(value);
      if (broken) throw brokenText(`${where(row, line)}, column ${name}`, broken);
      const reason = valueFault(value);
      if (reason) return `column ${name} ${reason}`;
    }
    return undefined;
  }
}

function headerOf({ line, values, fault, fatal }: TextRecord): ColumnName[] {
  if (fault) throw new UnreadableFile(`The header (line ${line}): ${fault}.`, fatal ? 'unclosed_quote' : 'broken_text');
  if (values.length > limits.columns)
    throw tooManyColumns(`The header (line ${line}) names ${values.length.toLocaleString('en')} columns`);
  const broken = brokenBytes(values.join(''));
  if (broken) throw brokenText(`The header (line ${line})`, broken);
  return mendColumnNames(values);
}

class ObjectTable implements TableReader {
  readonly readsText = false;
  private names: string[] = [];
  private mended: ColumnName[] | undefined;
  private readonly indexes = new Map<string, number>();
  private readonly parser: ArrayParser | LineParser;
  private rows = 0;

  constructor(format: JsonFormat) {
    this.parser = format.name === 'json' ? new ArrayParser() : new LineParser();
  }

  get columns(): readonly ColumnName[] {
    return (this.mended ??= mendColumnNames(this.names));
  }

  write(text: string): TableRow[] {
    return this.parser.write(text).map((element) => this.rowOf(element, ++this.rows));
  }

  end(): TableRow[] {
    return this.parser.end().map((element) => this.rowOf(element, ++this.rows));
  }

  private rowOf({ line, text, fault, fatal }: TextElement, row: number): TableRow {
    if (fatal) throw new UnreadableFile(`Line ${line}: ${fault}.`, 'broken_json');
    if (fault) return { row, line, reason: fault };
    const broken = brokenBytes(/[\udc80-\udcff]/.test(text) ? text : '');
    if (broken) throw brokenText(where(row, line), broken);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return { row, line, reason: `is not valid JSON: ${(error as Error).message.slice(0, 200)}` };
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return {
        row,
        line,
        reason: `is ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`}, not an object`,
      };
    }
    return this.cellsOf(value as Record<string, unknown>, row, line);
  }

  private cellsOf(object: Record<string, unknown>, row: number, line: number): TableRow {
    const entries: [string, Cell][] = [];
    for (const [name, value] of Object.entries(object)) {
      const cell = cellOf(value);
      if (typeof cell === 'object' && cell !== null)
        return { row, line, reason: `${JSON.stringify(name.slice(0, 60))} ${cell.fault}` };
      entries.push([name, cell]);
    }
    const cells: Cell[] = [];
    for (const [name, cell] of entries) cells[this.indexOf(name, row, line)] = cell;
    return { row, line, cells };
  }

  private indexOf(name: string, row: number, line: number): number {
    const known = this.indexes.get(name);
    if (known !== undefined) return known;
    if (this.names.length === limits.columns)
      throw tooManyColumns(
        `${where(row, line)} brings the file above ${limits.columns.toLocaleString('en')} different keys`,
      );
    this.mended = undefined;
    this.indexes.set(name, this.names.length);
    return this.names.push(name) - 1;
  }
}

/** A JSON value as a cell: what is nested stays JSON, as text. */
function cellOf(value: unknown): Cell | { fault: string } {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return numberOf(value);
  let text: string;
  try {
    text = typeof value === 'string' ? value : JSON.stringify(value);
  } catch {
    return { fault: 'is nested too deeply' }; // JSON.stringify recurses
  }
  const fault = valueFault(text);
  return fault ? { fault } : text;
}

/** JSON.parse rounds whole numbers above 2^53: identifiers, mostly, so the row is refused rather than changed. */
function numberOf(value: number): Cell | { fault: string } {
  const rounded = Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
  if (rounded)
    return { fault: 'is a whole number of more digits than can be kept exactly: write it as text, in quotes' };
  return Number.isFinite(value) ? value : { fault: 'is a number too large' };
}

const isLong = (value: string) => value.length > limits.value;

function valueFault(value: string): string | undefined {
  if (isLong(value))
    return `has ${count(value.length, 'character')}, at most ${limits.value.toLocaleString('en')} are taken`;
  return unstorable(value);
}

const count = (n: number, noun: string) => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;

const tooManyColumns = (what: string) =>
  new UnreadableFile(`${what}; an import takes at most ${limits.columns.toLocaleString('en')}.`, 'too_many_columns');

const brokenText = (place: string, bytes: string) =>
  new UnreadableFile(
    `${place}: the bytes ${bytes} (hexadecimal) are not UTF-8, and the file does not look like another encoding. Save it as UTF-8 and upload it again.`,
    'broken_text',
  );
