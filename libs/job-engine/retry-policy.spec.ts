import fc from 'fast-check';
import { defaultBackoff, nextRetryDelay } from './retry-policy.js';

const backoff = fc.record({ base: fc.integer({ min: 1, max: 100_000 }), cap: fc.integer({ min: 1, max: 10_000_000 }) });
const chance = fc.double({ min: 0, max: 1, noNaN: true });

describe('nextRetryDelay', () => {
  it('lies between 1 ms and the smaller of cap and base · 2ⁿ, for any number of retries', () => {
    fc.assert(
      fc.property(backoff, fc.nat(5_000), chance, (b, retries, random) => {
        const delay = nextRetryDelay(retries, b, () => random);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(1);
        expect(delay).toBeLessThanOrEqual(Math.max(1, Math.min(b.cap, b.base * 2 ** retries)));
      }),
    );
  });

  it('has a bound that doubles until the cap', () => {
    const bounds = [0, 1, 2, 3, 4, 20].map((retries) => nextRetryDelay(retries, { base: 100, cap: 1_000 }, () => 1));
    expect(bounds).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('uses the whole range: full jitter', () => {
    expect([0, 0.25, 0.5, 1].map((r) => nextRetryDelay(3, { base: 1_000, cap: 60_000 }, () => r))).toEqual([
      1, 2_000, 4_000, 8_000,
    ]);
  });

  it('never waits longer than an hour by default', () => {
    expect(nextRetryDelay(1_000, defaultBackoff, () => 1)).toBe(3_600_000);
  });
});
