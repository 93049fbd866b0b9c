import fc from 'fast-check';
import {
  firstOpenInstant,
  isQuiet,
  leavesNoOpenMinute,
  type QuietWindow,
  type Weekday,
  windowProblem,
} from './quiet-hours.js';

const minute = 60_000;
const hour = 60 * minute;

/** Clock changes of many kinds: an hour, half an hour, at midnight, a whole day skipped, a zone that gave up and took up its rule. */
const changes: readonly (readonly [string, string, string])[] = [
  ['Europe/Berlin', '2026-03-29', 'an hour forward'],
  ['Europe/Berlin', '2026-10-25', 'an hour back'],
  ['America/New_York', '2026-03-08', 'an hour forward'],
  ['America/New_York', '2026-11-01', 'an hour back'],
  ['Australia/Lord_Howe', '2026-04-04', 'half an hour back'],
  ['Australia/Lord_Howe', '2026-10-03', 'half an hour forward'],
  ['Pacific/Apia', '2011-12-30', 'a Friday that never was'],
  ['America/Santiago', '2026-09-06', 'midnight does not exist'],
  ['America/Santiago', '2026-04-05', '23:00 to 24:00 twice'],
  ['Asia/Beirut', '2026-03-29', 'midnight does not exist'],
  ['Asia/Beirut', '2026-10-25', '23:00 to 24:00 twice'],
  ['Asia/Kathmandu', '2026-06-01', 'three quarters of an hour, no change'],
  ['Pacific/Chatham', '2026-04-04', 'three quarters of an hour, back'],
  ['Africa/Casablanca', '2026-02-15', 'Ramadan'],
  ['Africa/Casablanca', '2026-03-22', 'after Ramadan'],
  ['America/St_Johns', '2026-03-08', 'half-hour zone, forward'],
  ['Asia/Tehran', '2022-09-21', 'the last summer time'],
  ['Antarctica/Troll', '2026-03-29', 'two hours forward'],
  ['America/Sao_Paulo', '2018-11-04', 'midnight does not exist'],
  ['Asia/Pyongyang', '2018-05-04', 'half an hour forward for good'],
  ['Europe/Dublin', '2026-10-25', 'negative summer time'],
];

/** The oracle: the law's own words, over weekday and time as Intl names them. */
class Oracle {
  private readonly format: Intl.DateTimeFormat;
  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  }

  local(instant: number): { weekday: number; time: string } {
    const parts = Object.fromEntries(this.format.formatToParts(instant).map((part) => [part.type, part.value]));
    const weekday = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts.weekday!) + 1;
    return { weekday, time: `${parts.hour}:${parts.minute}` };
  }
}

function quietByTheLaw({ weekday, time }: { weekday: number; time: string }, windows: readonly QuietWindow[]): boolean {
  const dayBefore = weekday === 1 ? 7 : weekday - 1;
  return windows.some(({ days = [1, 2, 3, 4, 5, 6, 7], start, end }) => {
    const on = (d: number) => (days as number[]).includes(d);
    if (start < end) return on(weekday) && start <= time && time < end;
    return (on(weekday) && start <= time) || (on(dayBefore) && time < end);
  });
}

const timeOfDay = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 15, 29, 30, 45, 59))
  .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`);
const window: fc.Arbitrary<QuietWindow> = fc
  .record(
    {
      days: fc.uniqueArray(fc.constantFrom<Weekday>(1, 2, 3, 4, 5, 6, 7), { minLength: 1 }),
      start: timeOfDay,
      end: timeOfDay,
    },
    { requiredKeys: ['start', 'end'] },
  )
  .filter(({ start, end }) => start !== end);
const windowSets = fc.array(window, { minLength: 1, maxLength: 3 });

describe.each(changes)('%s around %s (%s)', (timeZone, date) => {
  const from = Date.parse(`${date}T00:00:00Z`) - 30 * hour;
  const minutes = 84 * 60;
  const oracle = new Oracle(timeZone);
  const locals = Array.from({ length: minutes }, (_, i) => oracle.local(from + i * minute));

  const nights: QuietWindow[][] = [
    [{ start: '22:00', end: '07:00' }],
    [{ start: '00:00', end: '00:30' }],
    [{ start: '01:30', end: '02:30' }],
    [{ start: '23:30', end: '00:00' }],
    [
      { days: [5], start: '20:00', end: '06:00' },
      { days: [6, 7], start: '00:00', end: '23:59' },
    ],
  ];

  it('agrees with the minute-by-minute oracle', () => {
    const disagreements: string[] = [];
    for (const windows of [...nights, ...fc.sample(windowSets, { numRuns: 4, seed: 7 })]) {
      const quiet = locals.map((local) => quietByTheLaw(local, windows));
      let opening: number | null = null;
      for (let i = minutes - 1; i >= 0; i--) {
        const instant = from + i * minute;
        if (!quiet[i]) opening = instant;
        if (opening === null) continue; // opens after the stretch that the oracle knows
        const at = `${JSON.stringify(windows)} at ${new Date(instant).toISOString()}`;
        if (isQuiet(instant, windows, timeZone) !== quiet[i])
          disagreements.push(`${at}: the law says quiet = ${quiet[i]}`);
        // each edge, and a sample of what lies between
        if (i % 13 !== 0 && quiet[i] === quiet[i + 1]) continue;
        const found = firstOpenInstant(instant, windows, timeZone);
        if (found !== opening) disagreements.push(`${at}: opens ${opening}, not ${found}`);
      }
    }
    expect(disagreements).toEqual([]);
  });
});

describe('firstOpenInstant', () => {
  const anyInstant = fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2037, 0) });
  const anyZone = fc.constantFrom(...new Set(changes.map(([zone]) => zone)), 'UTC', 'Asia/Kolkata');

  it('gives an instant that is open, after which the minute before was quiet', () => {
    fc.assert(
      fc.property(anyInstant, windowSets, anyZone, (instant, windows, zone) => {
        const open = firstOpenInstant(instant, windows, zone);
        if (open === null) return leavesNoOpenMinute(windows);
        if (open === instant) return !isQuiet(instant, windows, zone);
        return (
          open > instant && open % minute === 0 && !isQuiet(open, windows, zone) && isQuiet(open - 1, windows, zone)
        );
      }),
      { numRuns: 500 },
    );
  });

  it('gives null where the week has no open minute, and the instant itself where nothing is quiet', () => {
    const always: QuietWindow[] = [
      { start: '00:00', end: '12:00' },
      { start: '12:00', end: '00:00' },
    ];
    expect(leavesNoOpenMinute(always)).toBe(true);
    expect(firstOpenInstant(Date.UTC(2026, 0, 1), always, 'Europe/Berlin')).toBeNull();
    expect(firstOpenInstant(1_234_567, [], 'Europe/Berlin')).toBe(1_234_567);
  });

  it('looks no further than its horizon', () => {
    const weekday: QuietWindow[] = [{ days: [1, 2, 3, 4, 5, 6], start: '00:00', end: '23:59' }];
    const monday = Date.UTC(2026, 0, 5, 0, 0);
    expect(firstOpenInstant(monday, weekday, 'UTC')).toBe(monday + 23 * hour + 59 * minute);
    expect(firstOpenInstant(monday, [{ start: '00:00', end: '23:59' }], 'UTC', 0.5)).toBeNull();
  });
});

describe('windowProblem', () => {
  it.each([
    [{ start: '22:00', end: '22:00' }, /empty/],
    [{ start: '24:00', end: '07:00' }, /start "24:00"/],
    [{ start: '22:00', end: '7:00' }, /end "7:00"/],
    [{ days: [], start: '22:00', end: '07:00' }, /days is empty/],
  ])('names what is wrong with %j', (unsound, words) => {
    expect(windowProblem(unsound)).toMatch(words);
  });
  it('finds nothing wrong with a night', () => {
    expect(windowProblem({ days: [1, 5], start: '22:00', end: '07:00' })).toBeNull();
  });
});
