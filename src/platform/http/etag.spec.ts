import fc from 'fast-check';
import { etagOf, isUnchanged, matchVersion } from './etag.js';
import { Problem } from './problem.js';

/** 200 where the condition holds, the problem's status where not. */
function conditional(ifMatch: string | undefined, version: number | string): number {
  try {
    matchVersion(ifMatch, version);
    return 200;
  } catch (error) {
    if (error instanceof Problem) return error.status;
    throw error;
  }
}

const version = fc.nat();

describe('matchVersion', () => {
  it('lets the current version through, and no other', () => {
    const law = fc.property(version, version, (sent, current) => {
      return conditional(etagOf(sent), current) === (sent === current ? 200 : 412);
    });
    expect(fc.check(law).counterexample).toBeNull();
  });

  it('finds the current version in a list, wherever it stands', () => {
    const law = fc.property(fc.array(version, { minLength: 1, maxLength: 20 }), version, (sent, current) => {
      const list = sent.map(etagOf).join(' , ');
      return conditional(list, current) === (sent.includes(current) ? 200 : 412);
    });
    expect(fc.check(law).counterexample).toBeNull();
  });

  it('never lets a weak tag through', () => {
    const law = fc.property(version, (current) => conditional(`W/${etagOf(current)}`, current) === 412);
    expect(fc.check(law).counterexample).toBeNull();
  });

  it('asks nothing without a header, and takes * for any version', () => {
    expect([conditional(undefined, 3), conditional('*', 3), conditional(' * ', 3)]).toEqual([200, 200, 200]);
  });

  it.each([
    '',
    '3',
    '"3',
    '3"',
    "'3'",
    '"3" "4"',
    '"3",',
    ',"3"',
    'w/"3"',
    '*, "3"',
    '"a"b"',
    `"${'x'.repeat(5_000)}"`,
  ])('refuses %p as malformed', (header) => {
    expect(conditional(header, 3)).toBe(400);
  });

  it('answers any text with yes, 412 or 400, and quickly', () => {
    const unit = fc.constantFrom('"', 'W/', ',', ' ', '*', '3', 'a', '\\', '\t', 'é');
    const law = fc.property(fc.string({ unit, maxLength: 60 }), (header) =>
      [200, 400, 412].includes(conditional(header, 3)),
    );
    expect(fc.check(law, { numRuns: 2_000 }).counterexample).toBeNull();
    const started = performance.now();
    conditional(`"a"${' '.repeat(50_000)}x`, 3);
    conditional('"a",'.repeat(1_000) + 'x', 3);
    expect(performance.now() - started).toBeLessThan(200);
  });

  it('tells the current tag along with the refusal', () => {
    expect(() => matchVersion('"2"', 3)).toThrow('"3"');
    let headers = {};
    try {
      matchVersion('"2"', 3);
    } catch (error) {
      headers = (error as Problem).headers;
    }
    expect(headers).toEqual({ etag: '"3"' });
  });
});

describe('isUnchanged', () => {
  it.each([
    [undefined, false],
    ['"3"', true],
    ['W/"3"', true],
    ['"2", "3"', true],
    ['"2"', false],
    ['*', true],
  ])('%p against version 3: %p', (header, expected) => {
    expect(isUnchanged(header, 3)).toBe(expected);
  });
});
