import fc from 'fast-check';
import { DelimitedParser } from './delimited-parser.js';
import { csvLine } from './write-csv.js';

const read = (text: string) => {
  const parser = new DelimitedParser(',');
  return [...parser.write(text), ...parser.end()].map(({ values }) => values);
};

describe('csvLine', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('keeps a spreadsheet from running the text %j', (text) => {
    expect(read(csvLine([text, 'x']))).toEqual([[`'${text}`, 'x']]);
  });

  it('leaves numbers alone', () => {
    expect(csvLine([-5, 1.5, true, null])).toBe('-5,1.5,true,\r\n');
  });

  it('is read back as it was written', () => {
    const text = fc.string().filter((s) => !/^[=+\-@\t\r]/.test(s));
    fc.assert(
      fc.property(fc.array(fc.array(text, { minLength: 2, maxLength: 2 }), { minLength: 1 }), (rows) =>
        expect(read(rows.map((row) => csvLine(row)).join(''))).toEqual(rows),
      ),
    );
  });
});
