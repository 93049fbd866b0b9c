import fc from 'fast-check';
import { type Cell, ColumnProfile, columnTypes, convert } from './schema.js';

function typeOf(cells: Cell[], readText = true) {
  const profile = new ColumnProfile();
  for (const cell of cells) profile.observe(cell, readText);
  return profile.result(cells.length);
}

describe('the type of a column of text', () => {
  it.each([
    [['1', '-20', '0', ' 7 '], 'integer'],
    [['1', '2.5', '-1e3', '.5'], 'number'],
    [['true', 'FALSE'], 'boolean'],
    [['2024-02-29', '1999-12-31'], 'date'],
    [['2024-02-29T10:00:00Z', '2024-02-29 10:00', '2024-02-29T10:00:00.123+02:00'], 'timestamp'],
    [['x', '1'], 'text'],
    [['1', 'true'], 'text'],
    [['2024-02-29', '2024-02-29T10:00'], 'text'],
    [['', ''], 'text'],
  ])('%j is %s', (cells, type) => {
    expect(typeOf(cells).type).toBe(type);
  });

  it.each([
    ['007', 'leading zeros are part of a postcode or a number that is dialled'],
    ['+491701234567', 'so is a plus'],
    ['12345678901234567890', 'a double would change its digits'],
    ['0.12345678901234567', 'a double would change its digits'],
    ['2023-02-29', 'there was no such day'],
    ['2024-01-01T24:00', 'there is no such hour'],
    ['1,5', 'whether that is a decimal comma is anybody’s guess'],
    ['NaN', 'no number'],
    ['1e999', 'infinite'],
    ['0x10', 'no decimal number'],
  ])('keeps %s as text: %s', (text) => {
    expect(typeOf([text]).type).toBe('text');
  });

  it('is nullable once a row has no value', () => {
    expect(typeOf(['1', ''])).toEqual({ type: 'integer', nullable: true });
    expect(typeOf(['1', '2'])).toEqual({ type: 'integer', nullable: false });
  });

  it('takes every value it was inferred from, and loses none of its digits', () => {
    const text = fc.oneof(
      fc.integer().map(String),
      fc.double({ noNaN: true }).map(String),
      fc.boolean().map(String),
      fc.string(),
      fc.date({ noInvalidDate: true }).map((d) => d.toISOString()),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (cells) => {
        const { type } = typeOf(cells);
        const kept = cells.map((cell) => convert(cell, type, true));
        expect(kept.map((cell) => cell === null)).toEqual(cells.map((cell) => cell === ''));
        expect(kept.filter((cell) => typeof cell === 'number' && !Number.isFinite(cell))).toEqual([]);
        expect(type === 'text' ? kept.filter((cell) => cell !== null) : []).toEqual(
          type === 'text' ? cells.filter(Boolean) : [],
        );
      }),
    );
  });

  it('narrows only: more values never make a narrower type', () => {
    const widths = Object.fromEntries(columnTypes.map((type, i) => [type, i]));
    fc.assert(
      fc.property(fc.array(fc.constantFrom('1', '2.5', '', 'x', '2024-01-01'), { minLength: 1 }), (cells) => {
        const values = cells.filter((cell) => cell !== '');
        if (values.length < 2) return;
        expect(widths[typeOf(values).type]).toBeGreaterThanOrEqual(widths[typeOf(values.slice(0, 1)).type] ?? 0);
      }),
    );
  });
});

describe('the type of a column of JSON', () => {
  it('follows what JSON says, and does not read numbers into text', () => {
    expect(typeOf([1, 2], false).type).toBe('integer');
    expect(typeOf([1, 2.5], false).type).toBe('number');
    expect(typeOf([true, null], false)).toEqual({ type: 'boolean', nullable: true });
    expect(typeOf(['1'], false).type).toBe('text');
    expect(typeOf(['2024-01-01'], false).type).toBe('date');
    expect(typeOf([1, 'x', true], false).type).toBe('text');
    expect(convert(1, 'text', false)).toBe('1');
    expect(convert('', 'text', false)).toBe('');
    expect(convert(undefined, 'integer', false)).toBeNull();
  });
});
