/** Days that each thing is kept, as configured; a job type's own days (job_type_controls) come before them. */
export interface RetentionDays {
  completed: number;
  failed: number;
  cancelled: number;
  hourlyStatistics: number;
  dailyStatistics: number;
}

/** A transaction that takes longer makes the next one smaller. */
const aimMs = 40;
const fewest = 20;
const most = 1_000;

/** How many jobs the next transaction should delete, after one of `size` took so long. */
export function nextSize(size: number, tookMs: number): number {
  const fitting = Math.floor((size * aimMs) / Math.max(tookMs, 1));
  // grows at most to double, so that one lucky batch does not make a slow one
  return Math.min(most, Math.max(fewest, Math.min(fitting, size * 2)));
}
