import fc from 'fast-check';
import { nextSize } from './retention-days.js';

describe('the size of the next transaction', () => {
  it('shrinks after a slow one, grows after a quick one to double at most, and stays within bounds', () => {
    expect(nextSize(400, 80)).toBe(200);
    expect(nextSize(400, 30)).toBe(533);
    expect(nextSize(400, 1)).toBe(800);
    expect(nextSize(1_000, 5)).toBe(1_000);
    expect(nextSize(100, 5_000)).toBe(20);
  });

  it('would have taken 40 ms at the same speed, where it may', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 1_000 }),
        fc.double({ min: 1, max: 10_000, noNaN: true }),
        (size, took) => {
          const next = nextSize(size, took);
          expect(next).toBeGreaterThanOrEqual(20);
          expect(next).toBeLessThanOrEqual(1_000);
          expect(next === 20 ? 0 : (next * took) / size).toBeLessThanOrEqual(40 + 1e-9);
        },
      ),
    );
  });
});
