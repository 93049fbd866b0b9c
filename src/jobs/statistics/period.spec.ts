import fc from 'fast-check';
import { ImpossiblePeriod, periodOf } from './period.js';

const hour = 3_600_000;
const day = 24 * hour;
const now = new Date('2026-03-08T10:20:00Z');
const at = (text: string) => new Date(text);

describe('the period of statistics', () => {
  it('is the last 24 hours, from a whole hour on', () => {
    const period = periodOf({}, now, 14);
    expect(period).toMatchObject({ granularity: 'hour', from: at('2026-03-07T10:00:00Z'), to: now, minutes: 1_460 });
    expect(period.points).toHaveLength(25);
  });

  it('is widened to whole days where days are asked for', () => {
    const asked = { from: at('2026-03-01T05:00:00Z'), to: at('2026-03-03T05:00:00Z'), granularity: 'day' as const };
    const period = periodOf(asked, now, 14);
    expect(period).toMatchObject({ from: at('2026-03-01T00:00:00Z'), to: at('2026-03-04T00:00:00Z') });
    expect(period.days).toEqual(period.points);
    expect(period.hours).toEqual([]);
  });

  it('goes by day beyond a week, and beyond what hours are kept', () => {
    expect(periodOf({ from: new Date(now.getTime() - 8 * day) }, now, 14).granularity).toBe('day');
    const old = new Date(now.getTime() - 100 * day);
    expect(periodOf({ from: old, to: new Date(old.getTime() + hour) }, now, 14).granularity).toBe('day');
    expect(() => periodOf({ from: old, granularity: 'hour' }, now, 14)).toThrow(ImpossiblePeriod);
  });

  it('is covered by its hours and days exactly once', () => {
    const instant = fc.integer({ min: now.getTime() - 13 * day, max: now.getTime() + 2 * day });
    fc.assert(
      fc.property(instant, instant, fc.constantFrom('hour' as const, 'day' as const), (one, other, granularity) => {
        fc.pre(one !== other);
        const asked = { from: new Date(Math.min(one, other)), to: new Date(Math.max(one, other)), granularity };
        const { hours, days, points, from } = periodOf(asked, now, 14);
        const covered = new Set([
          ...hours.map((h) => h.getTime()),
          ...days.flatMap((d) => Array.from({ length: 24 }, (_, i) => d.getTime() + i * hour)),
        ]);
        expect(covered.size).toBe(hours.length + 24 * days.length);
        const end = Math.min(
          Math.ceil(Math.max(one, other) / (granularity === 'hour' ? hour : day)) *
            (granularity === 'hour' ? hour : day),
          Math.max(from.getTime(), now.getTime()),
        );
        const wanted: number[] = [];
        for (let t = from.getTime(); t < end; t += hour) wanted.push(t);
        expect([...covered].toSorted((a, b) => a - b)).toEqual(wanted);
        expect(points.every((point) => point.getTime() < end)).toBe(true);
      }),
    );
  });
});
