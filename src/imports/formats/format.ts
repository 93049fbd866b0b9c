/** What a file turned out to be, and the refusal of what it cannot be. */

export const delimiters = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof delimiters)[number];

/** Labels of the WHATWG Encoding Standard, as `TextDecoder` takes them. */
export type Encoding = string;

export interface DelimitedFormat {
  name: 'csv' | 'tsv';
  encoding: Encoding;
  delimiter: Delimiter;
  /** What ends a line; `\n` covers `\r\n`. */
  newline: '\n' | '\r';
}

export interface JsonFormat {
  name: 'json' | 'ndjson';
  encoding: Encoding;
  delimiter: null;
}

export type Format = DelimitedFormat | JsonFormat;

/** Limits of what one import takes; a file beyond them is refused with the number and the row. */
export const limits = {
  columns: 2_000,
  /** Characters of one value. */
  value: 262_144,
  /** Characters of one record; more is skipped unread, so that memory stays flat. */
  record: 4_194_304,
  /** Characters of a column's name. */
  columnName: 200,
} as const;

export type UnreadableCode =
  | 'unsupported_file'
  | 'empty_file'
  | 'no_rows'
  | 'too_many_columns'
  | 'broken_text'
  | 'unclosed_quote'
  | 'broken_json'
  | 'too_many_bad_rows';

/** The file cannot become a dataset, now or on any later try. The message names the row where there is one, and what to do. */
export class UnreadableFile extends Error {
  constructor(
    message: string,
    readonly code: UnreadableCode,
    /** What is known of its bad rows. */
    readonly badRows: readonly { row: number; line: number; reason: string }[] = [],
  ) {
    super(message);
  }
}
