import fc from 'fast-check';
import { nextProgress } from './progress.js';

describe('nextProgress', () => {
  it.each([
    [0, -5, 0],
    [0, 101, 100],
    [0, Infinity, 100],
    [0, -Infinity, 0],
    [40, Number.NaN, 40],
    [40, 39, 40],
    [40, 40, 40],
    [40, 99.9, 99],
    [40, undefined as unknown as number, 40],
    [40, '80' as unknown as number, 40],
  ])('%p then %p shows %p', (before, given, shown) => {
    expect(nextProgress(before, given)).toBe(shown);
  });

  it('stays whole and within 0 to 100, and never falls, whatever is reported', () => {
    fc.assert(
      fc.property(fc.array(fc.double()), (reports) => {
        let shown = 0;
        for (const report of reports) {
          const next = nextProgress(shown, report);
          expect(next).toBeGreaterThanOrEqual(shown);
          expect(next).toBeLessThanOrEqual(100);
          expect(Number.isInteger(next)).toBe(true);
          shown = next;
        }
      }),
    );
  });
});
