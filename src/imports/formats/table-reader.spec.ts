import { type Format, UnreadableFile } from './format.js';
import { openTable } from './table-reader.js';
import { ChunkDecoder } from './text-decoder.js';

const csv: Format = { name: 'csv', encoding: 'utf-8', delimiter: ',', newline: '\n' };
const json: Format = { name: 'json', encoding: 'utf-8', delimiter: null };
const ndjson: Format = { name: 'ndjson', encoding: 'utf-8', delimiter: null };

/** Reads small things three bytes at a time: no boundary may matter. */
function read(format: Format, content: string | Buffer) {
  const bytes = Buffer.from(content as string);
  const decoder = new ChunkDecoder(format.encoding);
  const reader = openTable(format);
  const rows = [];
  const step = bytes.length < 10_000 ? 3 : 65_536;
  for (let at = 0; at < bytes.length; at += step)
    rows.push(...reader.write(decoder.write(bytes.subarray(at, at + step))));
  rows.push(...reader.write(decoder.end()), ...reader.end());
  return {
    columns: reader.columns,
    rows: rows.map((row) => ('cells' in row ? { ...row, cells: [...row.cells] } : row)),
  };
}

function refusal(format: Format, content: string | Buffer): UnreadableFile {
  try {
    read(format, content);
  } catch (error) {
    if (error instanceof UnreadableFile) return error;
    throw error;
  }
  throw new Error('it was read');
}

describe('rows of CSV', () => {
  it('have the header as columns, mended where it must be', () => {
    const { columns } = read(csv, '\ufeffid, name ,,id,id_2\n1,2,3,4,5\n');
    expect(columns).toEqual([
      { name: 'id' },
      { name: 'name', was: ' name ' },
      { name: 'column_3', was: '' },
      { name: 'id_3', was: 'id' },
      { name: 'id_2' },
    ]);
  });

  it('are bad, with number, line and reason, where they are ragged', () => {
    const { rows } = read(csv, 'a,b\n1,2\n\n3\n4,5,6\n7,8');
    expect(rows).toEqual([
      { row: 1, line: 2, cells: ['1', '2'] },
      { row: 2, line: 4, reason: 'has 1 value, the header names 2 columns' },
      { row: 3, line: 5, reason: 'has 3 values, the header names 2 columns' },
      { row: 4, line: 6, cells: ['7', '8'] },
    ]);
  });

  it('are bad where a value cannot be stored or is too long', () => {
    const { rows } = read(csv, `a,b\n1,x\0y\n2,${'z'.repeat(262_145)}\n3,😀\n`);
    expect(rows).toMatchObject([
      { row: 1, reason: 'column b has a NUL character' },
      { row: 2, reason: 'column b has 262,145 characters, at most 262,144 are taken' },
      { row: 3, cells: ['3', '😀'] },
    ]);
  });

  it('end it all where the text is broken, naming row, line, column and bytes', () => {
    const bytes = Buffer.concat([
      Buffer.from('id,name\n1,"a\nb"\n2,x'),
      Buffer.from('c328ff', 'hex'),
      Buffer.from('\n3,ok\n'),
    ]);
    expect(refusal(csv, bytes)).toMatchObject({
      code: 'broken_text',
      message: expect.stringMatching(/^Row 2 \(line 4\), column name: the bytes c3 ff /),
    });
  });

  it('end it all where a quote is never closed, naming the row in which it opened', () => {
    expect(refusal(csv, 'a,b\n1,2\n3,"x\n4,5\n')).toMatchObject({
      code: 'unclosed_quote',
      message: 'Row 2 (line 3): the quote that opens value 2 is never closed.',
    });
    expect(refusal(csv, 'a,"b\n1,2\n')).toMatchObject({
      message: 'The header (line 1): the quote that opens value 2 is never closed.',
    });
  });

  it('are not read below a header of 10,000 columns', () => {
    expect(refusal(csv, `${Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(',')}\n`)).toMatchObject({
      code: 'too_many_columns',
      message: 'The header (line 1) names 10,000 columns; an import takes at most 2,000.',
    });
  });
});

describe('rows of JSON', () => {
  it('gather their columns as they come; a name like __proto__ is one like any other', () => {
    const { columns, rows } = read(
      json,
      '[{"a":1},\n{"b":"x","a":null},{"__proto__":true,"constructor":1.5},{"a":[1,{"c":2}]}]',
    );
    expect(columns.map(({ name }) => name)).toEqual(['a', 'b', '__proto__', 'constructor']);
    expect(rows).toEqual([
      { row: 1, line: 1, cells: [1] },
      { row: 2, line: 2, cells: [null, 'x'] },
      { row: 3, line: 2, cells: [undefined, undefined, true, 1.5] },
      { row: 4, line: 2, cells: ['[1,{"c":2}]'] },
    ]);
  });

  it('are bad, with number, line and reason, where an element is no object', () => {
    const { rows } = read(json, '[{"a":1},\n 2, [3], "x", null,\n{"a":}, {"a":2},, ]');
    expect(rows.map((row) => ('reason' in row ? [row.row, row.line, row.reason.slice(0, 20)] : row.row))).toEqual([
      1,
      [2, 2, 'is a number, not an '],
      [3, 2, 'is an array, not an '],
      [4, 2, 'is a string, not an '],
      [5, 2, 'is null, not an obje'],
      [6, 3, 'is not valid JSON: U'],
      7,
      [8, 3, 'is empty: a comma st'],
    ]);
  });

  it('are bad where a value cannot be kept', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const { rows } = read(
      ndjson,
      `{"a":"\\u0000"}\n{"a":"\\ud800"}\n{"a":12345678901234567890}\n{"a":1e400}\n{"a":${deep}}\n{"a":1e30}\n`,
    );
    expect(rows).toMatchObject([
      { reason: '"a" has a NUL character' },
      { reason: '"a" is not valid Unicode (half of a surrogate pair)' },
      { reason: expect.stringContaining('more digits than can be kept') },
      { reason: '"a" is a number too large' },
      { reason: '"a" is nested too deeply' },
      { cells: [1e30] },
    ]);
  });

  it('end it all where the array is cut off or followed by something', () => {
    expect(refusal(json, '[{"a":1},\n{"a":2')).toMatchObject({
      code: 'broken_json',
      message: expect.stringMatching(/^Line 2: the array is cut off in element 2/),
    });
    expect(refusal(json, '[{"a":1},')).toMatchObject({
      message: expect.stringMatching(/^Line 1: the array is cut off after element 1/),
    });
    expect(refusal(json, '[{"a":1}]\n[]')).toMatchObject({
      message: 'Line 2: something follows the end of the array.',
    });
  });

  it('take a bracket, a comma or a quote inside a string for what it is', () => {
    const value = { a: ']},{"\\[', b: '\\', c: 'é😀' };
    expect(read(json, JSON.stringify([value, value])).rows).toMatchObject([
      { cells: Object.values(value) },
      { cells: Object.values(value) },
    ]);
  });

  it('of NDJSON are bad line by line, and empty lines are none', () => {
    const { rows } = read(ndjson, '{"a":1}\r\n\r\n{oops}\r\n{"a":2}');
    expect(rows).toMatchObject([
      { row: 1, line: 1 },
      { row: 2, line: 3, reason: expect.stringContaining('is not valid JSON') },
      { row: 3, line: 4 },
    ]);
  });
});
