/** Wall clocks of IANA time zones, read from the platform's own tables (Intl): no package, and the same in a browser. */

const formats = new Map<string, Intl.DateTimeFormat>();
/** There are about 600 names; more can only be spellings of them in other case. */
const maxFormats = 1_000;

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    if (formats.size >= maxFormats) formats.clear();
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** An IANA name that this platform knows; bare offsets such as `+02:00` are none: they know no clock changes. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds that the zone's wall clock is ahead of UTC at the instant. Years 1000 to 9999. */
export function offsetAt(instant: number, timeZone: string): number {
  const whole = Math.floor(instant / 1_000) * 1_000;
  const [, month, day, year, hour, minute, second] = pattern.exec(formatOf(timeZone).format(whole)) ?? [];
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) - whole;
}
const pattern = /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/;

/** Minutes since Monday 00:00 on the zone's wall clock, 0 to 10,079. */
export function minuteOfWeek(instant: number, offset: number): number {
  const minutes = Math.floor((instant + offset) / 60_000);
  // 1 January 1970 was a Thursday: three days after Monday
  return (((minutes + 3 * 1_440) % 10_080) + 10_080) % 10_080;
}
