/** Which type each column has: the narrowest that every one of its values fits. */

export const columnTypes = ['integer', 'number', 'boolean', 'date', 'timestamp', 'text'] as const;
export type ColumnType = (typeof columnTypes)[number];

export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  type: ColumnType;
  /** Some row has no value. */
  nullable: boolean;
  /** What the file called it, where that could not stay. */
  was?: string;
}

/** A bit a type; a column begins with all and loses those that a value does not fit. */
const bit = { integer: 1, number: 2, boolean: 4, date: 8, timestamp: 16, text: 32 } as const;
const all = 63;

export class ColumnProfile {
  private possible = all;
  private values = 0;
  private rows = 0;

  /** `cell`: a value of the file; from delimited text always a string, in which numbers and truths are read. */
  observe(cell: Cell | undefined, readText: boolean): void {
    this.rows++;
    if (cell === null || cell === undefined || (cell === '' && readText)) return;
    this.values++;
    if (this.possible !== bit.text) this.possible &= fits(cell, this.possible, readText);
  }

  /** `rows`: how many rows there are; a column that appeared late had no value in the earlier ones. */
  result(rows: number): { type: ColumnType; nullable: boolean } {
    const type = this.values === 0 ? 'text' : columnTypes.find((t) => (this.possible & bit[t]) !== 0)!;
    return { type, nullable: this.values < rows };
  }
}

function fits(cell: Exclude<Cell, null>, possible: number, readText: boolean): number {
  if (typeof cell === 'number') return bit.text | bit.number | (Number.isSafeInteger(cell) ? bit.integer : 0);
  if (typeof cell === 'boolean') return bit.text | bit.boolean;
  const text = readText ? cell.trim() : cell;
  let mask: number = bit.text;
  if (readText) {
    if (possible & bit.integer && isInteger(text)) mask |= bit.integer;
    if (possible & bit.number && isNumber(text)) mask |= bit.number;
    if (possible & bit.boolean && /^(true|false)$/i.test(text)) mask |= bit.boolean;
  }
  if (possible & bit.date && isDate(text)) mask |= bit.date;
  if (possible & bit.timestamp && isTimestamp(text)) mask |= bit.timestamp;
  return mask;
}

/** Leading zeros (postcodes, telephone numbers) and more digits than a number keeps make it text: converting would lose them. */
const isInteger = (text: string) =>
  /^[+-]?(0|[1-9]\d{0,15})$/.test(text) && !text.startsWith('+') && Number.isSafeInteger(Number(text));

/** At most 15 significant digits: so many survive a double and back. */
function isNumber(text: string): boolean {
  const parts = /^-?(0|[1-9]\d*)?(?:\.(\d+))?(?:[eE][+-]?\d{1,3})?$/.exec(text);
  if (!parts || (parts[1] === undefined && parts[2] === undefined)) return false;
  const digits = `${parts[1] ?? ''}${parts[2] ?? ''}`.replace(/^0+/, '');
  return digits.length <= 15 && Number.isFinite(Number(text));
}

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  return parts !== null && isCalendarDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/** ISO 8601 with or without a zone; kept as written, because a time without a zone names no instant. */
function isTimestamp(text: string): boolean {
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?$/.exec(text);
  return (
    parts !== null && isDate(parts[1]!) && Number(parts[2]) < 24 && Number(parts[3]) < 60 && Number(parts[4] ?? 0) < 61
  );
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day >= 1 && day <= (days[month - 1] ?? 0);
}

/** The cell as its column's type keeps it: dates and timestamps as written; null where there is no value. */
export function convert(cell: Cell | undefined, type: ColumnType, readText: boolean): Cell {
  if (cell === null || cell === undefined || (cell === '' && (readText || type !== 'text'))) return null;
  if (type === 'text') return typeof cell === 'string' ? cell : String(cell);
  if (typeof cell !== 'string') return cell;
  const text = cell.trim();
  if (type === 'boolean') return text.toLowerCase() === 'true';
  return type === 'integer' || type === 'number' ? Number(text) : text;
}
