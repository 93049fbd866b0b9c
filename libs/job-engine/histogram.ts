/** Durations in fixed logarithmic buckets, four to a doubling: what a percentile loses is at most 19 % of its value. */
export const lastBucket = 140;

/** Bucket 0 is below 1 ms, bucket b from 2^((b-1)/4) ms on; the last, from 334 days on, is open. */
export function bucketOf(milliseconds: number): number {
  if (!(milliseconds >= 1)) return 0;
  return Math.min(lastBucket, 1 + Math.floor(4 * Math.log2(milliseconds) + 1e-9));
}

/** The bucket's lower and upper bound in milliseconds. */
export function boundsOf(bucket: number): [number, number] {
  return bucket === 0 ? [0, 1] : [2 ** ((bucket - 1) / 4), 2 ** (bucket / 4)];
}
