import fc from 'fast-check';
import { builtInSettings, effectiveSettings, type OrganizationSettings, readUserPreferences } from './preferences.js';
import { type DropReason, plan, type PlanInput } from './plan.js';
import { encodeTrace, readTrace } from './trace.js';

const hour = 3_600_000;
const noon = Date.UTC(2026, 5, 10, 12);
const night = { enabled: true, windows: [{ start: '22:00', end: '07:00' }] } as const;

interface Case {
  organization?: Partial<OrganizationSettings>;
  preferences?: unknown;
  type?: string;
  channel?: 'email' | 'sms' | 'slack';
  event?: Partial<PlanInput['event']>;
  facts?: Partial<PlanInput['facts']>;
  now?: number;
  test?: boolean;
}

function inputOf(c: Case): PlanInput {
  const settings = effectiveSettings(
    { ...builtInSettings, ...c.organization },
    readUserPreferences(c.preferences ?? {}),
    c.type ?? 'job.completed',
    c.channel ?? 'email',
  );
  return {
    now: c.now ?? noon,
    event: { severity: 'info', mandatory: false, ...c.event },
    settings,
    facts: { configured: true, hasAddress: true, ...c.facts },
    ...(c.test && { test: true }),
  };
}
const planned = (c: Case) => plan(inputOf(c));
const off = { 'job.completed': { email: false } };

describe('plan', () => {
  it('sends at once what nothing withholds, and says which rules it tried', () => {
    const { decision, trace } = planned({});
    expect(decision).toEqual({ action: 'send' });
    expect(encodeTrace(trace)).toBe('2o=on 4 5b=on 6 9 10 11');
  });

  it.each<[DropReason, string, Case]>([
    ['channel_unavailable', 'the channel is off', { channel: 'sms', type: 'leave.approved' }],
    ['channel_unavailable', 'no provider is configured', { facts: { configured: false } }],
    ['channel_unavailable', 'the recipient has no address', { facts: { hasAddress: false } }],
    ['expired', 'its time is over', { event: { expiresAt: noon } }],
    [
      'not_subscribed',
      'the organisation has no trigger for it',
      { organization: { triggers: { 'job.completed': [] } } },
    ],
    ['not_subscribed', 'nobody ever named the type', { type: 'coffee.empty' }],
    ['preference_off', 'the user does not want it', { preferences: { events: off } }],
    [
      'would_expire',
      'it would expire in the quiet hours',
      { organization: { quietHours: night }, now: noon + 11 * hour, event: { expiresAt: noon + 12 * hour } },
    ],
  ])('drops as %s when %s', (reason, _, c) => {
    expect(planned(c).decision).toEqual({ action: 'drop', reason });
  });

  it('holds in quiet hours until the opening, on the clock of the user before that of the organisation', () => {
    const late = { organization: { quietHours: night, timeZone: 'Europe/Berlin' }, now: noon + 10 * hour };
    expect(planned(late).decision).toEqual({ action: 'hold', until: Date.UTC(2026, 5, 11, 5) });
    const elsewhere = { ...late, preferences: { timeZone: 'America/New_York' } };
    expect(planned(elsewhere).decision).toEqual({ action: 'send' }); // 18:00 there
  });

  it('unites the windows of organisation and user', () => {
    const c = { organization: { quietHours: night }, preferences: { quietHours: [{ start: '07:00', end: '09:30' }] } };
    expect(planned({ ...c, now: noon + 12 * hour }).decision).toEqual({
      action: 'hold',
      until: Date.UTC(2026, 5, 11, 9, 30),
    });
  });

  it('goes on from the end of do-not-disturb, which may lie in quiet hours; an indefinite one has no end', () => {
    const until = noon + 12 * hour; // 00:00
    const dnd = { doNotDisturb: { enabled: true, until }, quietHours: night };
    expect(planned({ organization: dnd }).decision).toEqual({ action: 'hold', until: Date.UTC(2026, 5, 11, 7) });
    const forGood = planned({ organization: { doNotDisturb: { enabled: true, until: null } } });
    expect(forGood.decision).toEqual({ action: 'hold', until: null });
    expect(encodeTrace(forGood.trace)).toContain('9o=indefinite');
    expect(planned({ organization: { doNotDisturb: { enabled: true, until: noon - 1 } } }).decision.action).toBe(
      'send',
    );
  });

  it('lets a critical event pass quiet hours and do-not-disturb, unless the organisation has that off', () => {
    const resting = { quietHours: night, doNotDisturb: { enabled: true, until: null } };
    const event = { severity: 'critical' as const };
    expect(planned({ organization: resting, event }).decision).toEqual({ action: 'send' });
    expect(planned({ organization: { ...resting, criticalBypass: false }, event }).decision.action).toBe('hold');
    expect(planned({ organization: resting, event, preferences: { events: off } }).decision.action).toBe('drop');
  });

  it('sends a mandatory event without trigger and against the preference, but not without a channel', () => {
    const event = { mandatory: true };
    expect(planned({ type: 'coffee.empty', event, preferences: { events: off } }).decision.action).toBe('send');
    expect(planned({ event, facts: { configured: false } }).decision.action).toBe('drop');
  });

  it('sends to a channel for critical events nothing else', () => {
    const channels = { ...builtInSettings.channels, slack: { enabled: true, criticalOnly: true } };
    const c = { organization: { channels }, type: 'alert.critical', channel: 'slack' as const };
    expect(planned(c).decision).toEqual({ action: 'drop', reason: 'not_subscribed' });
    expect(planned({ ...c, event: { severity: 'critical' } }).decision.action).toBe('send');
  });

  it('lets a test pass rules 5 to 9 and no other', () => {
    const organization = { triggers: {}, quietHours: { enabled: true, windows: [{ start: '00:00', end: '23:59' }] } };
    expect(planned({ organization, type: 'test', test: true }).decision.action).toBe('send');
    expect(planned({ organization, facts: { configured: false }, test: true }).decision.action).toBe('drop');
  });
});

describe('laws', () => {
  const window = fc.record({
    start: fc.constantFrom('22:00', '06:15', '12:30'),
    end: fc.constantFrom('07:00', '05:59', '13:00'),
  });
  const zone = fc.constantFrom('UTC', 'Australia/Lord_Howe', 'America/Santiago', 'Asia/Kathmandu', 'Europe/Berlin');
  const instant = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2028, 0) });
  const anyCase: fc.Arbitrary<Case> = fc.record({
    now: instant,
    organization: fc.record({
      quietHours: fc.record({ enabled: fc.boolean(), windows: fc.array(window, { maxLength: 2 }) }),
      timeZone: zone,
      doNotDisturb: fc.record({ enabled: fc.boolean(), until: fc.option(instant) }),
      criticalBypass: fc.boolean(),
    }),
    preferences: fc.record(
      { events: fc.constantFrom({}, off), timeZone: zone, quietHours: fc.array(window, { maxLength: 1 }) },
      { requiredKeys: [] },
    ),
    event: fc.record({
      severity: fc.constantFrom('info' as const, 'critical' as const),
      mandatory: fc.boolean(),
      expiresAt: fc.option(instant),
    }),
  });

  it('sends at the instant until which it held, and never holds into the past', () => {
    fc.assert(
      fc.property(anyCase, (c) => {
        const { decision } = planned(c);
        if (decision.action !== 'hold' || decision.until === null) return true;
        return decision.until > c.now! && planned({ ...c, now: decision.until }).decision.action === 'send';
      }),
      { numRuns: 1_000 },
    );
  });

  it('never sends later what looser settings would send now', () => {
    fc.assert(
      fc.property(anyCase, (c) => {
        const loose = { ...c, organization: { ...c.organization, quietHours: { enabled: false, windows: [] } } };
        return planned(c).decision.action !== 'send' || planned(loose).decision.action === 'send';
      }),
    );
  });

  it('answers the same for the same input, with a trace of at most 200 bytes that reads back', () => {
    fc.assert(
      fc.property(anyCase, (c) => {
        const input = inputOf(c);
        const { decision, trace } = plan(input);
        expect(plan(input)).toEqual({ decision, trace });
        expect(encodeTrace(trace).length).toBeLessThanOrEqual(200);
        expect(readTrace(encodeTrace(trace))).toEqual(trace);
      }),
    );
  });
});

describe('readUserPreferences', () => {
  it('takes what it understands and leaves the rest', () => {
    expect(
      readUserPreferences({
        events: { 'job.failed': { email: false, sms: 'yes' }, odd: 3 },
        timeZone: 'Mars/Olympus',
        quietHours: [{ start: '22:00', end: '22:00' }, { start: '22:00', end: '06:00', days: [1] }, null],
        dndUntil: 'tomorrow',
      }),
    ).toEqual({
      events: { 'job.failed': { email: false }, odd: {} },
      quietHours: [{ start: '22:00', end: '06:00', days: [1] }],
    });
  });
  it.each([null, undefined, 'x', [], 7])('reads %p as nothing set', (stored) => {
    expect(readUserPreferences(stored)).toEqual({ events: {} });
  });
});
