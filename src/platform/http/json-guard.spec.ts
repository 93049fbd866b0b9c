import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { type JsonBounds, jsonBounds, parseJson } from './json-guard.js';
import { Problem } from './problem.js';

/** What the guard says: the value, or the problem's first pointer and message. Anything but a 400 Problem fails the test. */
function outcome(text: string, bounds?: JsonBounds): { value: unknown } | { pointer?: string; message: string } {
  try {
    return { value: parseJson(text, bounds) };
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400) throw error;
    return error.errors[0] ?? { message: error.message };
  }
}

/** Counts as the bounds do, from the value instead of the text. */
function measure(value: unknown): { depth: number; keys: number; elements: number; texts: string[] } {
  if (typeof value === 'string') return { depth: 0, keys: 0, elements: 0, texts: [value] };
  if (typeof value !== 'object' || value === null) return { depth: 0, keys: 0, elements: 0, texts: [] };
  const own = Array.isArray(value)
    ? { keys: 0, elements: value.length, texts: [] }
    : { keys: Object.keys(value).length, elements: 0, texts: Object.keys(value) };
  const parts = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...parts.map((p) => p.depth)),
    keys: own.keys + parts.reduce((sum, p) => sum + p.keys, 0),
    elements: own.elements + parts.reduce((sum, p) => sum + p.elements, 0),
    texts: [...own.texts, ...parts.flatMap((p) => p.texts)],
  };
}

/** What the laws say of text that JSON.stringify made (which gives no key twice). */
function isAcceptable(text: string, bounds: JsonBounds): boolean {
  const { depth, keys, elements, texts } = measure(JSON.parse(text));
  const isSound = (t: string) => !t.includes('\0') && !/\p{Surrogate}/u.test(t);
  return depth <= bounds.depth && keys <= bounds.keys && elements <= bounds.elements && texts.every(isSound);
}

const json = fc
  .tuple(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), fc.constantFrom(undefined, 1, '\t'))
  .map(([value, indent]) => JSON.stringify(value, null, indent))
  .filter(
    (text) =>
      !/"(__\w+__|constructor|prototype|toString|toLocaleString|valueOf|isPrototypeOf|hasOwnProperty|propertyIsEnumerable)"/.test(
        text,
      ),
  );
const structural = fc.string({
  unit: fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    'u',
    '0',
    'd',
    '8',
    'a',
    '1',
    ' ',
    '-',
    'null',
    '{"a":',
  ),
  maxLength: 40,
});

describe('parseJson', () => {
  it.each([
    ['the real bounds', jsonBounds],
    ['narrow ones', { depth: 3, keys: 4, elements: 5 }],
  ])('reads exactly what JSON.parse reads, as long as it is harmless (%s)', (_, bounds) => {
    const law = fc.property(json, (text) => {
      const result = outcome(text, bounds);
      if (!isAcceptable(text, bounds)) return !('value' in result);
      return 'value' in result && isDeepStrictEqual(result.value, JSON.parse(text));
    });
    expect(fc.check(law, { numRuns: 2_000 }).counterexample).toBeNull();
  });

  it('answers a 400 problem, and nothing else, to any text, and accepts no more than JSON.parse', () => {
    const law = fc.property(fc.oneof(fc.string({ unit: 'binary' }), structural), (text) => {
      const result = outcome(text);
      return !('value' in result) || isDeepStrictEqual(result.value, JSON.parse(text));
    });
    expect(fc.check(law, { numRuns: 3_000 }).counterexample).toBeNull();
  });

  it.each([
    ['{"a":1,"a":2}', '/a', 'is given twice'],
    [String.raw`{"a":1,"\u0061":2}`, '/a', 'is given twice'],
    ['{"x":[{"b":1},{"b":1,"c":{},"b":2}]}', '/x/1/b', 'is given twice'],
    ['{"a":{"__proto__":{"admin":true}}}', '/a/__proto__', 'is not an allowed name'],
    [String.raw`{"\u005f_proto__":1}`, '/__proto__', 'is not an allowed name'],
    ['[{"constructor":{"prototype":{}}}]', '/0/constructor', 'is not an allowed name'],
    [String.raw`{"a":["x","\u0000"]}`, '/a/1', 'contains a NUL character'],
    [String.raw`{"a/b~":"\ud800"}`, '/a~1b~0', 'contains half of a surrogate pair'],
    [String.raw`{"\udc00":1}`, '/\ufffd', 'contains half of a surrogate pair'],
    [`${'['.repeat(33)}${']'.repeat(33)}`, '/0'.repeat(32), 'is nested deeper than 32 levels'],
    [`[${'0,'.repeat(100_000)}0]`, '/100000', 'has more than 100000 elements'],
  ])('refuses hostile text %#', (text, pointer, message) => {
    expect(outcome(text)).toEqual({ pointer, message });
  });

  it.each([
    '{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
    '"__proto__"',
    String.raw`"\ud83d\ude00"`,
    `${'['.repeat(32)}${']'.repeat(32)}`,
  ])('takes %s', (text) => {
    expect(outcome(text)).toEqual({ value: JSON.parse(text) });
  });

  it('refuses a depth of half a million and 100,000 keys quickly', () => {
    const started = performance.now();
    expect(outcome('['.repeat(500_000) + ']'.repeat(500_000))).toMatchObject({ message: /deeper/ });
    const keys = Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(',');
    expect(outcome(`{${keys}}`)).toEqual({ pointer: '', message: 'has more than 10000 keys' });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
