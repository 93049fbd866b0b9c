import { DelimitedParser } from './delimited-parser.js';
import { type Delimiter, delimiters } from './format.js';

/**
 * The delimiter that cuts the most lines into the same number of values, more than one; among equals the one that makes more values, then the
 * order of `delimiters`. A text that none of them cuts has one column, and any would do.
 */
export function detectDelimiter(text: string, newline: '\n' | '\r', complete: boolean): Delimiter {
  const [best] = delimiters
    .map((delimiter) => ({ delimiter, ...consistency(text, delimiter, newline, complete) }))
    .filter(({ width }) => width > 1)
    .sort((a, b) => b.share - a.share || b.width - a.width);
  return best?.delimiter ?? ',';
}

/** `width`: the commonest number of values; `share`: of the records that have it, 0–1, lessened where the first record, the header, has not. */
function consistency(
  text: string,
  delimiter: Delimiter,
  newline: '\n' | '\r',
  complete: boolean,
): { width: number; share: number } {
  const parser = new DelimitedParser(delimiter, newline);
  const records = [...parser.write(text), ...(complete ? parser.end() : [])]
    .filter((r) => !r.blank && !r.fault)
    .slice(0, 200);
  const counts = new Map<number, number>();
  for (const { values } of records) counts.set(values.length, (counts.get(values.length) ?? 0) + 1);
  const [width, count] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [0, 0];
  if (records.length === 0) return { width: text.split(newline)[0]!.split(delimiter).length, share: 0 };
  const share = count / records.length;
  return { width, share: records[0]!.values.length === width ? share : share / 2 };
}
