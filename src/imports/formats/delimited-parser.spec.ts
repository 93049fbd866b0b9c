import fc from 'fast-check';
import { DelimitedParser, type TextRecord } from './delimited-parser.js';
import { delimiters } from './format.js';
import { ChunkDecoder } from './text-decoder.js';

/** Feeds `text` in pieces cut at the given places. */
function parse(
  text: string,
  delimiter: ',' | ';' | '\t' | '|' = ',',
  cuts: number[] = [],
  newline: '\n' | '\r' = '\n',
  maxRecord?: number,
): TextRecord[] {
  const parser = new DelimitedParser(delimiter, newline, maxRecord);
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  const pieces = [0, ...places].map((from, i) => text.slice(from, places[i]));
  return [...pieces.flatMap((piece) => parser.write(piece)), ...parser.end()];
}

const value = fc.string({
  unit: fc.oneof(
    fc.constantFrom('a', 'é', '"', ',', ';', '\t', '|', '\n', '\r', ' ', '€', '漢', '😀'),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
  maxLength: 8,
});
const table = fc
  .integer({ min: 1, max: 5 })
  .chain((width) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }));

function write(rows: string[][], delimiter: string, newline: string, quoteAll: boolean): string {
  const needsQuotes = (text: string) => quoteAll || text === '' || /["\r\n]/.test(text) || text.includes(delimiter);
  const field = (text: string) => (needsQuotes(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => row.map(field).join(delimiter)).join(newline);
}

describe('DelimitedParser', () => {
  it('reads back what was written, whatever the quoting, delimiter, newline and the cuts between chunks', () => {
    const newlines = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(
        table,
        fc.constantFrom(...delimiters),
        newlines,
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (rows, delimiter, newline, quoteAll, endsWithNewline, cuts) => {
          const text = write(rows, delimiter, newline, quoteAll) + (endsWithNewline ? newline : '');
          const records = parse(text, delimiter, cuts, newline === '\r' ? '\r' : '\n');
          expect(records.map((record) => record.values)).toEqual(rows);
          expect(records.filter((record) => record.fault ?? record.blank)).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads it back from bytes in UTF-8 and UTF-16, cut anywhere', () => {
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('utf-8', 'utf-16le'),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (rows, encoding, mark, cuts) => {
          const bytes = Buffer.from(
            (mark ? '\ufeff' : '') + write(rows, ';', '\n', true),
            encoding === 'utf-8' ? 'utf8' : 'utf16le',
          );
          const decoder = new ChunkDecoder(encoding);
          const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
          const text =
            [0, ...places].map((from, i) => decoder.write(bytes.subarray(from, places[i]))).join('') + decoder.end();
          expect(parse(text, ';').map((record) => record.values)).toEqual(rows);
        },
      ),
    );
  });

  it('knows the line on which each record begins, also after values with line breaks and empty lines', () => {
    const records = parse('a,b\n"1\n2","3\n"\n\n4,5');
    expect(records.map(({ line, blank }) => [line, blank ?? false])).toEqual([
      [1, false],
      [2, false],
      [5, true],
      [6, false],
    ]);
  });

  it('names the value and the line where a quote that is never closed opened', () => {
    const records = parse('a,b\n1,2\n3,"x\n4,5\n', ',', [9, 12]);
    expect(records.at(-1)).toEqual({
      line: 3,
      values: [],
      fatal: true,
      fault: 'the quote that opens value 2 is never closed',
    });
  });

  it('marks a record whose quoted value goes on after its closing quote, and reads on behind it', () => {
    const records = parse('"a"b,c\n1,2\n');
    expect(records[0]).toMatchObject({ fault: 'value 1 goes on after its closing quote, with "b"' });
    expect(records[1]).toEqual({ line: 2, values: ['1', '2'] });
  });

  it('takes a quote inside an unquoted value as a character', () => {
    expect(parse('5" pipe,6" pipe\n').map((r) => r.values)).toEqual([['5" pipe', '6" pipe']]);
  });

  it('skips a record beyond the bound without keeping it, and reads on behind it', () => {
    const long = 'x'.repeat(50);
    for (const text of [`a,b\n1,${long}\n2,3\n`, `a,b\n1,"${long}\n${long}"\n2,3\n`]) {
      const records = parse(text, ',', [...Array(text.length).keys()], '\n', 20);
      expect(records[1]).toEqual({ line: 2, values: [], fault: 'is longer than 20 characters' });
      expect(records[2]!.values).toEqual(['2', '3']);
      expect(records[2]!.line).toBe(text.split('\n').indexOf('2,3') + 1);
    }
  });

  it('names the opening of a quote that is never closed even where the bound was passed', () => {
    const text = `a,b\n1,2\n3,"${'x\n'.repeat(40)}`;
    const records = parse(text, ',', [...Array(text.length).keys()], '\n', 20);
    expect(records.at(-1)).toMatchObject({
      line: 3,
      fatal: true,
      fault: 'the quote that opens value 2 is never closed',
    });
  });
});
