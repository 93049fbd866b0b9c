import fc from 'fast-check';
import { boundsOf, bucketOf, lastBucket } from '../histogram.js';
import { addAll, addStored, type Histogram, percentilesOf } from './percentiles.js';

const durations = fc.array(
  fc.oneof(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 3e10, noNaN: true })),
  { minLength: 1, maxLength: 200 },
);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const histogramOf = (values: readonly number[]): Histogram => {
  const histogram: Histogram = new Map();
  for (const value of values) addAll(histogram, new Map([[bucketOf(value), 1]]));
  return histogram;
};
/** The smallest value that at least this share does not exceed (percentile_disc). */
const exact = (values: readonly number[], p: number) =>
  values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(p * values.length)) - 1]!;

describe('percentiles from buckets', () => {
  it('lie in the bucket of the exact percentile', () => {
    fc.assert(
      fc.property(durations, share, (values, p) => {
        const [lower, upper] = boundsOf(bucketOf(exact(values, p)));
        const [told] = percentilesOf(histogramOf(values), [p])!;
        expect(told).toBeGreaterThanOrEqual(lower);
        expect(told).toBeLessThanOrEqual(upper);
      }),
    );
  });

  it('never fall from a lesser to a greater share', () => {
    fc.assert(
      fc.property(durations, fc.array(share, { minLength: 2, maxLength: 8 }), (values, shares) => {
        const told = percentilesOf(
          histogramOf(values),
          shares.toSorted((a, b) => a - b),
        )!;
        expect(told).toEqual(told.toSorted((a, b) => a - b));
      }),
    );
  });

  it('of merged histograms are those of the histogram of all values', () => {
    fc.assert(
      fc.property(durations, durations, (some, others) => {
        const merged = histogramOf(some);
        addAll(merged, histogramOf(others));
        expect(percentilesOf(merged, [0.5, 0.95, 0.99])).toEqual(
          percentilesOf(histogramOf([...some, ...others]), [0.5, 0.95, 0.99]),
        );
      }),
    );
  });

  it('are read from what is stored, as far as 2⁴⁰ jobs in the last bucket', () => {
    const stored = (histogram: Histogram) =>
      [...histogram].map(([b, n]) => BigInt(b) * 2n ** 40n + BigInt(n)).join(',');
    const histogram: Histogram = new Map([
      [0, 3],
      [lastBucket, 2 ** 40 - 1],
    ]);
    const read: Histogram = new Map();
    addStored(read, stored(histogram));
    expect(read).toEqual(histogram);
    addStored(read, '');
    expect(read).toEqual(histogram);
  });

  it('of nothing are none', () => {
    expect(percentilesOf(new Map(), [0.5])).toBeNull();
  });
});
