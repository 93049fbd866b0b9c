/** When a failed attempt runs again. */
export type Milliseconds = number;

export interface Backoff {
  /** Milliseconds of the first step. */
  base: number;
  /** Milliseconds that no delay exceeds. */
  cap: number;
}

/** About 2 s, 4 s, 8 s … on average half of that, and never more than an hour. */
export const defaultBackoff: Backoff = { base: 2_000, cap: 3_600_000 };

/**
 * Full jitter between 0 and min(cap, base · 2ⁿ), n being the retries so far (AWS Architecture Blog, "Exponential Backoff And
 * Jitter", 2015). At least 1 ms, so that a retry is never claimed in the statement that ends the attempt.
 */
export function nextRetryDelay(
  retries: number,
  backoff: Backoff = defaultBackoff,
  random: () => number = Math.random,
): Milliseconds {
  return Math.max(1, Math.round(random() * Math.min(backoff.cap, backoff.base * 2 ** retries)));
}
