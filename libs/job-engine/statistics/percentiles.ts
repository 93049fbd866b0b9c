/** Histograms of durations in the buckets of histogram.ts, and what can be told from them. */
import { boundsOf } from '../histogram.js';

/** Bucket → how many. */
export type Histogram = Map<number, number>;

/** As a statement answers them: elements `bucket × 2⁴⁰ + count`, by comma; '' for none. */
export function addStored(histogram: Histogram, stored: string): void {
  if (stored === '') return;
  for (const element of stored.split(',')) {
    const bucket = Math.floor(Number(element) / bucketUnit);
    histogram.set(bucket, (histogram.get(bucket) ?? 0) + (Number(element) % bucketUnit));
  }
}

/** Adds all of `other`. */
export function addAll(histogram: Histogram, other: Histogram): void {
  for (const [bucket, count] of other) histogram.set(bucket, (histogram.get(bucket) ?? 0) + count);
}

/**
 * What the share (0–1) of the durations did not exceed, in milliseconds, for each share; null for an empty histogram. The exact
 * percentile lies in the same bucket, so the answer is off by less than 19 % of it (or by less than 1 ms). Within the bucket the
 * place is interpolated geometrically, as the buckets are logarithmic.
 */
export function percentilesOf(histogram: Histogram, shares: readonly number[]): number[] | null {
  const buckets = [...histogram].filter(([, count]) => count > 0).toSorted(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  return total === 0 ? null : shares.map((share) => valueAt(buckets, Math.max(1, Math.ceil(share * total))));
}

const bucketUnit = 2 ** 40;

/** The value of the `rank`-th smallest, 1 for the first. */
function valueAt(buckets: readonly [bucket: number, count: number][], rank: number): number {
  let before = 0;
  for (const [bucket, count] of buckets) {
    if (before + count >= rank) return within(bucket, (rank - before - 0.5) / count);
    before += count;
  }
  throw new RangeError(`there is no value of rank ${rank} among ${before}`);
}

function within(bucket: number, share: number): number {
  const [lower, upper] = boundsOf(bucket);
  return lower === 0 ? upper * share : lower * (upper / lower) ** share;
}
