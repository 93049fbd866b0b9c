import fc from 'fast-check';
import { decodeCursor, encodeCursor, totalOf } from './paging.js';
import { Problem } from './problem.js';

const position = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null)), {
  maxLength: 4,
});

/** Whether it is refused as a cursor of this list; anything else that is thrown fails the test. */
function isRefused(list: string, cursor: string): boolean {
  try {
    decodeCursor(list, cursor);
    return false;
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400 || error.errors[0]?.pointer !== 'query/cursor') throw error;
    return true;
  }
}

describe('cursors', () => {
  it('come back as they were, and fit into a URL as they are', () => {
    const law = fc.property(position, (at) => {
      // lone halves of surrogate pairs come back replaced: JSON in UTF-8 has none, and neither has the database
      fc.pre(!/\p{Surrogate}/u.test(at.join('')));
      const cursor = encodeCursor('jobs', at);
      expect(decodeCursor('jobs', cursor)).toEqual(at);
      return encodeURIComponent(cursor) === cursor;
    });
    expect(fc.check(law).counterexample).toBeNull();
  });

  it('are refused when a character is changed, dropped or added, and by another list', () => {
    const law = fc.property(position, fc.nat(), fc.constantFrom('A', '9', '_', '=', ' ', ''), (at, where, by) => {
      const cursor = encodeCursor('jobs', at);
      const i = where % cursor.length;
      const changed = cursor.slice(0, i) + by + cursor.slice(i + 1);
      return (
        isRefused('users', cursor) &&
        (changed === cursor || isRefused('jobs', changed)) &&
        isRefused('jobs', `${cursor}A`)
      );
    });
    expect(fc.check(law, { numRuns: 500 }).counterexample).toBeNull();
  });

  it('made up from any text are refused', () => {
    const law = fc.property(fc.string({ unit: 'binary' }), (text) => isRefused('jobs', text));
    expect(fc.check(law).counterexample).toBeNull();
    expect(isRefused('jobs', Buffer.from('[1]').toString('base64url'))).toBe(true);
  });
});

describe('totalOf', () => {
  it('is exact up to 10,000, and says so beyond', () => {
    expect(totalOf(0)).toEqual({ total: 0 });
    expect(totalOf(10_000)).toEqual({ total: 10_000 });
    expect(totalOf(10_001)).toEqual({ total: 10_000, totalIsEstimate: true });
  });
});
