/** What a benchmark says: a figure, and beside it the one that performance.md asks for. */
import { setTimeout as delay } from 'node:timers/promises';

export type Unit = 'jobs/s' | 'requests/s' | 'ms' | '×' | 'jobs' | 'tables' | 'µs';

export interface Figure {
  name: string;
  value: number;
  unit: Unit;
  /** What it is to reach; none where the figure only explains another. */
  goal?: { atLeast: number } | { atMost: number };
}

/** In seconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

/** Looks every 2 ms. @throws after `withinMs`, with `what` */
export async function until(holds: () => boolean, what: string, withinMs = 600_000): Promise<void> {
  for (const deadline = performance.now() + withinMs; !holds(); await delay(2))
    if (performance.now() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
}

/** @param p 0–100 */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

export const reaches = ({ value, goal }: Figure): boolean =>
  goal === undefined || ('atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost);
