/**
 * CSV and its relatives (RFC 4180, any delimiter), pushed chunk by chunk. A line without a quote is split in one go; only records with quotes
 * are read value by value. Our own, because a quote that is never closed must be reported where it opened, and a record beyond any
 * bound be skipped in flat memory.
 */
import { type Delimiter, limits } from './format.js';

export interface TextRecord {
  /** Line of the file on which the record begins, from 1. */
  line: number;
  values: string[];
  /** An empty line. */
  blank?: boolean;
  fault?: string;
  /** After this fault nothing that follows can be trusted. */
  fatal?: boolean;
}

interface Reading {
  values: string[];
  fault: string | undefined;
  /** Index after the record. */
  end: number;
  /** Lines of the file it took. */
  lines: number;
}

export class DelimitedParser {
  private rest = '';
  private line = 1;
  /** Set while a record beyond the bound is skipped. */
  private skipping: { line: number; quoted: boolean } | undefined;
  /** The quote that was open when the text last ran out. */
  private opened = { column: 1, line: 1 };

  constructor(
    private readonly delimiter: Delimiter,
    private readonly newline: '\n' | '\r' = '\n',
    private readonly maxRecord: number = limits.record,
  ) {}

  write(chunk: string): TextRecord[] {
    return this.parse(this.rest + chunk, false);
  }

  /** The last records; the parser is spent. */
  end(): TextRecord[] {
    return this.parse(this.rest, true);
  }

  private parse(text: string, final: boolean): TextRecord[] {
    const records: TextRecord[] = [];
    const scan = {
      text,
      final,
      delimiters: new NextOf(text, this.delimiter),
      newlines: new NextOf(text, this.newline),
    };
    const quotes = new NextOf(text, '"');
    let at = this.skipping ? this.skip(text, 0, records) : 0;
    while (at < text.length) {
      const lineEnd = scan.newlines.from(at);
      const quote = quotes.from(at);
      const plain = lineEnd !== -1 && (quote === -1 || quote > lineEnd);
      const reading = plain ? this.readLine(text, at, lineEnd) : this.readRecord(scan, at);
      if (!reading) {
        if (!final && text.length - at <= this.maxRecord) break;
        at = this.giveUp(text, at, records, final);
        continue;
      }
      const blank = reading.values.length === 1 && reading.values[0] === '' && text[at] !== '"';
      records.push({
        line: this.line,
        values: reading.values,
        ...(blank && { blank }),
        ...(reading.fault && { fault: reading.fault }),
      });
      this.line += reading.lines;
      at = reading.end;
    }
    this.rest = text.slice(at);
    if (final && this.skipping?.quoted) records.push(this.unclosed());
    return records;
  }

  private readLine(text: string, at: number, lineEnd: number): Reading {
    const end = this.withoutReturn(text, at, lineEnd);
    return { values: text.slice(at, end).split(this.delimiter), fault: undefined, end: lineEnd + 1, lines: 1 };
  }

  /** Undefined when the record goes on beyond the text; if that is all the text there is, a quote is open. */
  private readRecord({ text, final, delimiters, newlines }: Scan, start: number): Reading | undefined {
    const values: string[] = [];
    let fault: string | undefined;
    for (let at = start; ;) {
      let quoted = '';
      const isQuoted = text[at] === '"';
      if (isQuoted) {
        const closed = closingQuote(text, at);
        if (closed === -1 || (closed === text.length - 1 && !final)) {
          this.opened = { column: values.length + 1, line: this.line + this.countLines(text, start, at) };
          return undefined;
        }
        quoted = text.slice(at + 1, closed).replaceAll('""', '"');
        at = closed + 1;
      }
      const delimiter = delimiters.from(at);
      const newline = newlines.from(at);
      if (newline === -1 && delimiter === -1 && !final) return undefined;
      const isLast = delimiter === -1 || (newline !== -1 && newline < delimiter);
      const stop = isLast ? (newline === -1 ? text.length : newline) : delimiter;
      const bare = text.slice(at, isLast ? this.withoutReturn(text, at, stop) : stop);
      if (isQuoted && bare !== '')
        fault ??= `value ${values.length + 1} goes on after its closing quote, with ${excerpt(bare)}`;
      values.push(isQuoted ? quoted + bare : bare);
      at = stop + 1;
      if (isLast)
        return { values, fault, end: Math.min(at, text.length), lines: Math.max(1, this.countLines(text, start, at)) };
    }
  }

  /** The record is beyond the bound, or the file ends in it. */
  private giveUp(text: string, at: number, records: TextRecord[], final: boolean): number {
    if (final) {
      records.push(this.unclosed());
      return text.length;
    }
    this.skipping = { line: this.line, quoted: false };
    return this.skip(text, at, records);
  }

  /** Index after the skipped record, or the text's end while it goes on. A doubled quote toggles twice, so nothing has to be kept. */
  private skip(text: string, from: number, records: TextRecord[]): number {
    const state = this.skipping!;
    for (let at = from; ;) {
      const quote = text.indexOf('"', at);
      const newline = state.quoted ? -1 : text.indexOf(this.newline, at);
      if (newline !== -1 && (quote === -1 || newline < quote)) {
        this.line += this.countLines(text, from, newline + 1);
        this.skipping = undefined;
        records.push({ line: state.line, values: [], fault: `is longer than ${this.maxRecord} characters` });
        return newline + 1;
      }
      if (quote === -1) {
        this.line += this.countLines(text, from, text.length);
        return text.length;
      }
      state.quoted = !state.quoted;
      at = quote + 1;
    }
  }

  private unclosed(): TextRecord {
    const { column, line } = this.opened;
    return { line, values: [], fatal: true, fault: `the quote that opens value ${column} is never closed` };
  }

  private withoutReturn(text: string, start: number, end: number): number {
    return this.newline === '\n' && end > start && text[end - 1] === '\r' ? end - 1 : end;
  }

  private countLines(text: string, from: number, to: number): number {
    let count = 0;
    for (let at = text.indexOf(this.newline, from); at !== -1 && at < to; at = text.indexOf(this.newline, at + 1))
      count++;
    return count;
  }
}

interface Scan {
  text: string;
  final: boolean;
  delimiters: NextOf;
  newlines: NextOf;
}

/** Where the next one is, remembered: asking again for every value would walk to the end of the text each time there is none. */
class NextOf {
  private found = -2;

  constructor(
    private readonly text: string,
    private readonly needle: string,
  ) {}

  from(at: number): number {
    if (this.found !== -1 && this.found < at) this.found = this.text.indexOf(this.needle, at);
    return this.found;
  }
}

/** Index of the quote that closes the one at `at`, or -1. */
function closingQuote(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote !== -1; quote = text.indexOf('"', quote + 2)) {
    if (text[quote + 1] !== '"') return quote;
  }
  return -1;
}

const excerpt = (text: string) => JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}…` : text);
