/** When messages rest: a predicate on instants, and the first instant at which it no longer holds. */
import { minuteOfWeek, offsetAt } from './zone-clock.js';

/** 1 is Monday. */
export type Weekday = 1 | 2 | 3 | 4 | 5 | 6 | 7;

/** From `start` until `end` (exclusive) on the wall clock; where `end` is the earlier, until `end` on the day after. */
export interface QuietWindow {
  /** The weekdays on which it starts; every day where absent. */
  days?: Weekday[];
  /** `HH:MM` */
  start: string;
  /** `HH:MM` */
  end: string;
}

const day = 1_440;
const week = 7 * day;
const everyDay: readonly Weekday[] = [1, 2, 3, 4, 5, 6, 7];
/** `HH:MM`, 00:00 to 23:59. */
const wallClock = /^([01]\d|2[0-3]):([0-5]\d)$/;

/** Whether the instant's local weekday and time lie in one of the windows; overlapping windows are a union. */
export function isQuiet(instant: number, windows: readonly QuietWindow[], timeZone: string): boolean {
  return windows.length > 0 && quietMinutes(windows)[minuteOfWeek(instant, offsetAt(instant, timeZone))] === 1;
}

/**
 * The instant itself where it is not quiet, else the first whole minute that is not; null where there is none within the horizon.
 *
 * Walks from opening to opening on a clock of constant offset, at most six hours at a time; where the offset changes on the way,
 * it stops at the change and looks again. No zone has ever changed its clock and taken it back within six hours.
 */
export function firstOpenInstant(
  instant: number,
  windows: readonly QuietWindow[],
  timeZone: string,
  horizonDays = 8,
): number | null {
  if (!isQuiet(instant, windows, timeZone)) return instant;
  const quiet = quietMinutes(windows);
  const horizon = instant + horizonDays * day * minute;
  let t = Math.floor(instant / minute) * minute;
  while (t <= horizon) {
    const offset = offsetAt(t, timeZone);
    const here = minuteOfWeek(t, offset);
    if (t > instant && quiet[here] === 0) return t;
    const untilOpening = minutesUntilOpen(quiet, here) * minute;
    const next = t + Math.min(untilOpening, 6 * 60 * minute);
    t = offsetAt(next, timeZone) === offset ? next : firstMinuteOfNewOffset(t, next, offset, timeZone);
  }
  return null;
}

/** Nothing could ever leave: the windows cover the whole week. */
export function leavesNoOpenMinute(windows: readonly QuietWindow[]): boolean {
  return quietMinutes(windows).every((minuteIsQuiet) => minuteIsQuiet === 1);
}

/** What is wrong with a window, in a sentence; null for a sound one. */
export function windowProblem(window: QuietWindow): string | null {
  if (!wallClock.test(window.start)) return `start "${window.start}" is no time of day: write HH:MM, 00:00 to 23:59`;
  if (!wallClock.test(window.end)) return `end "${window.end}" is no time of day: write HH:MM, 00:00 to 23:59`;
  if (window.start === window.end) return `start and end are both ${window.start}: the window is empty`;
  if (window.days?.length === 0) return 'days is empty: name at least one day, or leave it out for every day';
  return null;
}

const minute = 60_000;

/** One byte for each minute of the week. Windows that are unsound (they cannot be saved) keep nobody quiet. */
function quietMinutes(windows: readonly QuietWindow[]): Uint8Array {
  const known = tables.get(windows);
  if (known) return known;
  const table = new Uint8Array(week);
  for (const window of windows) {
    if (windowProblem(window)) continue;
    const start = minutesOf(window.start);
    const end = minutesOf(window.end);
    const length = end > start ? end - start : end + day - start;
    for (const weekday of window.days ?? everyDay) {
      const from = (weekday - 1) * day + start;
      for (let i = 0; i < length; i++) table[(from + i) % week] = 1;
    }
  }
  tables.set(windows, table);
  return table;
}
/** Settings are read once and asked many times; the list itself is the key, so it must not be changed in place. */
const tables = new WeakMap<readonly QuietWindow[], Uint8Array>();

function minutesOf(text: string): number {
  const [, hours, minutes] = wallClock.exec(text) ?? [];
  return Number(hours) * 60 + Number(minutes);
}

/** At least 1; a whole week where nothing is open. */
function minutesUntilOpen(quiet: Uint8Array, from: number): number {
  for (let ahead = 1; ahead < week; ahead++) if (quiet[(from + ahead) % week] === 0) return ahead;
  return week;
}

function firstMinuteOfNewOffset(before: number, after: number, offset: number, timeZone: string): number {
  let [old, changed] = [before, after];
  while (changed - old > minute) {
    const middle = Math.floor((old + changed) / 2 / minute) * minute;
    if (offsetAt(middle, timeZone) === offset) old = middle;
    else changed = middle;
  }
  return changed;
}
