/** Which hours and days a question is about: they are what ends of jobs are counted in. */
import type { Granularity } from './job-statistics.dto.js';

export interface Period {
  granularity: Granularity;
  /** Widened to whole hours or days. */
  from: Date;
  /** The same, but no later than now. */
  to: Date;
  /** Beginnings of the hours or days of the series. */
  points: Date[];
  /** The same span in as few rows as can be: whole days as days, the rest as hours. */
  hours: Date[];
  days: Date[];
  /** Minutes of it that have passed. */
  minutes: number;
}

/** What is wrong with the question, said of its field. */
export class ImpossiblePeriod extends Error {
  constructor(
    readonly field: 'from' | 'granularity',
    message: string,
  ) {
    super(message);
  }
}

const hour = 3_600_000;
const day = 24 * hour;
const lengthOf = { hour, day };
/** Points of a series at most: a month of hours, two years of days. */
const mostPoints = { hour: 31 * 24, day: 732 };

/**
 * `hoursKeptDays`: how far back there are hours.
 * @throws ImpossiblePeriod for one that ends before it begins, is too long, or reaches further back than hours are kept
 */
export function periodOf(
  asked: { from?: Date; to?: Date; granularity?: Granularity },
  now: Date,
  hoursKeptDays: number,
): Period {
  const to = asked.to ?? now;
  const from = asked.from ?? new Date(to.getTime() - day);
  if (from >= to) throw new ImpossiblePeriod('from', `must be before the end of the period, ${to.toISOString()}`);
  const firstHour = now.getTime() - hoursKeptDays * day;
  const granularity =
    asked.granularity ?? (to.getTime() - from.getTime() <= 7 * day && from.getTime() >= firstHour ? 'hour' : 'day');
  if (granularity === 'hour' && from.getTime() < firstHour)
    throw new ImpossiblePeriod('granularity', `hours are kept for ${hoursKeptDays} days: ask by day further back`);
  const length = lengthOf[granularity];
  const begin = Math.floor(from.getTime() / length) * length;
  const end = Math.ceil(to.getTime() / length) * length;
  if ((end - begin) / length > mostPoints[granularity])
    throw new ImpossiblePeriod('from', `must be at most ${mostPoints[granularity]} ${granularity}s before the end`);
  const passed = Math.min(end, Math.max(begin, now.getTime()));
  return {
    granularity,
    from: new Date(begin),
    to: new Date(passed > begin ? passed : end),
    points: stepsFrom(begin, passed, length),
    ...fewestRows(begin, passed),
    minutes: (passed - begin) / 60_000,
  };
}

function fewestRows(begin: number, end: number): { hours: Date[]; days: Date[] } {
  const firstDay = Math.ceil(begin / day) * day;
  const lastDay = Math.max(firstDay, Math.floor(end / day) * day);
  if (firstDay >= lastDay) return { hours: stepsFrom(begin, end, hour), days: [] };
  return {
    hours: [...stepsFrom(begin, firstDay, hour), ...stepsFrom(lastDay, end, hour)],
    days: stepsFrom(firstDay, lastDay, day),
  };
}

/** From `begin` on, as many as begin before `end`. */
const stepsFrom = (begin: number, end: number, length: number): Date[] =>
  Array.from({ length: Math.max(0, Math.ceil((end - begin) / length)) }, (_, i) => new Date(begin + i * length));
