/** Cuts JSON into its elements without building the whole: lines of NDJSON, elements of one array. What an element holds is `JSON.parse`'s affair. */
import { limits } from './format.js';

export interface TextElement {
  /** Line of the file on which the element begins, from 1. */
  line: number;
  text: string;
  fault?: string;
  /** After this fault nothing that follows can be trusted. */
  fatal?: boolean;
}

/** One value a line; empty lines are passed over. */
export class LineParser {
  private rest = '';
  private line = 1;
  private skipping = false;

  constructor(private readonly maxRecord: number = limits.record) {}

  write(chunk: string): TextElement[] {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop()!;
    const elements = lines.flatMap((line) => this.take(line));
    if (this.rest.length > this.maxRecord) {
      this.skipping = true;
      this.rest = '';
    }
    return elements;
  }

  end(): TextElement[] {
    return this.take(this.rest);
  }

  private take(text: string): TextElement[] {
    const line = this.line++;
    const tooLong = this.skipping || text.length > this.maxRecord;
    this.skipping = false;
    if (tooLong) return [{ line, text: '', fault: `is longer than ${this.maxRecord} characters` }];
    const trimmed = text.trim();
    return trimmed === '' ? [] : [{ line, text: trimmed }];
  }
}

const code = {
  quote: 34,
  comma: 44,
  open: 91,
  backslash: 92,
  close: 93,
  openBrace: 123,
  closeBrace: 125,
  newline: 10,
} as const;

/** The elements of one array, found by brackets and strings alone. */
export class ArrayParser {
  private line = 1;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private ended = false;
  private failed = false;
  /** The element's text so far; undefined between elements. */
  private parts: string[] | undefined;
  private length = 0;
  private startLine = 1;
  private count = 0;

  constructor(private readonly maxRecord: number = limits.record) {}

  write(chunk: string): TextElement[] {
    const elements: TextElement[] = [];
    let from = 0;
    for (let at = 0; at < chunk.length && !this.failed; at++) {
      const c = chunk.charCodeAt(at);
      if (c === code.newline) this.line++;
      if (this.inString) this.stepInString(c);
      else if (this.parts && this.depth === 1 && (c === code.comma || c === code.close)) {
        this.keep(chunk.slice(from, at));
        elements.push(this.element());
        if (c === code.close) this.close();
      } else if (this.parts) this.stepInElement(c);
      else if (!isSpace(c)) {
        from = at;
        this.begin(c, elements);
      }
    }
    if (this.parts) this.keep(chunk.slice(from));
    return elements;
  }

  end(): TextElement[] {
    if (this.ended || this.failed) return [];
    const where = this.parts
      ? `in element ${this.count + 1}, which begins on this line`
      : `after element ${this.count}`;
    return [
      this.fatal(`the array is cut off ${where}: its closing ] is missing`, this.parts ? this.startLine : this.line),
    ];
  }

  private stepInString(c: number): void {
    if (this.escaped) this.escaped = false;
    else if (c === code.backslash) this.escaped = true;
    else if (c === code.quote) this.inString = false;
  }

  private stepInElement(c: number): void {
    if (c === code.quote) this.inString = true;
    else if (c === code.open || c === code.openBrace) this.depth++;
    else if (c === code.close || c === code.closeBrace) this.depth--;
  }

  /** A character that is no white space, outside any element. */
  private begin(c: number, elements: TextElement[]): void {
    if (this.ended) elements.push(this.fatal('something follows the end of the array'));
    else if (this.depth === 0)
      this.depth = 1; // the array's own bracket: detection has seen it
    else if (c === code.close) this.close();
    else if (c === code.comma)
      elements.push({ line: this.line, text: '', fault: 'is empty: a comma stands where an element should' });
    else {
      this.parts = [];
      this.length = 0;
      this.startLine = this.line;
      this.stepInElement(c);
    }
  }

  private close(): void {
    this.depth = 0;
    this.ended = true;
  }

  private keep(text: string): void {
    this.length += text.length;
    if (this.length <= this.maxRecord) this.parts!.push(text);
    else this.parts = [];
  }

  private element(): TextElement {
    const tooLong = this.length > this.maxRecord;
    const text = tooLong ? '' : this.parts!.join('').trim();
    this.parts = undefined;
    this.count++;
    return { line: this.startLine, text, ...(tooLong && { fault: `is longer than ${this.maxRecord} characters` }) };
  }

  private fatal(fault: string, line = this.line): TextElement {
    this.failed = true;
    return { line, text: '', fault, fatal: true };
  }
}

const isSpace = (c: number) => c === 32 || c === 10 || c === 13 || c === 9;
