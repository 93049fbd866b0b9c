/** The cascade built-in → organisation → user: which value counts, and which layer it came from. */
import { type QuietWindow, type Weekday, windowProblem } from './quiet-hours.js';
import { isTimeZone } from './zone-clock.js';

export type ChannelName = 'email' | 'sms' | 'slack';
export type Layer = 'built-in' | 'organization' | 'user';

export interface Layered<T> {
  value: T;
  layer: Layer;
}

/** What an organisation has set; instants in epoch milliseconds. */
export interface OrganizationSettings {
  channels: Readonly<Record<ChannelName, { enabled: boolean; criticalOnly?: boolean }>>;
  /** Event type → channels. A type that is not named keeps the built-in channels. */
  triggers: Readonly<Record<string, readonly ChannelName[]>>;
  quietHours: { enabled: boolean; windows: readonly QuietWindow[] };
  timeZone: string;
  /** `until` null: until it is switched off. */
  doNotDisturb: { enabled: boolean; until: number | null };
  criticalBypass: boolean;
}

/** What a user has set; absent means "as the organisation has it". */
export interface UserPreferences {
  /** Event type → channel → on or off. */
  events?: Readonly<Record<string, Partial<Record<ChannelName, boolean>>>>;
  timeZone?: string;
  quietHours?: readonly QuietWindow[];
  dndUntil?: number;
}

/** The values that count for one event type, channel and recipient. */
export interface EffectiveSettings {
  channelEnabled: Layered<boolean>;
  criticalOnly: Layered<boolean>;
  triggered: Layered<boolean>;
  preferred: Layered<boolean>;
  criticalBypass: Layered<boolean>;
  timeZone: Layered<string>;
  /** The windows of organisation and user together. */
  quietHours: Layered<readonly QuietWindow[]>;
  /** The instant until which nothing disturbs: null for none, Infinity for an indefinite one; the later of organisation and user. */
  quietUntil: Layered<number | null>;
}

export const builtInSettings: OrganizationSettings = {
  channels: { email: { enabled: true }, sms: { enabled: false }, slack: { enabled: false, criticalOnly: false } },
  triggers: {
    'employee.created': ['email'],
    'leave.requested': ['email'],
    'leave.approved': ['sms'],
    'payroll.processed': ['email', 'sms'],
    'alert.raised': ['email', 'sms'],
    'alert.critical': ['slack'],
    'job.completed': ['email'],
    'job.failed': ['email'],
  },
  quietHours: { enabled: false, windows: [] },
  timeZone: 'UTC',
  doNotDisturb: { enabled: false, until: null },
  criticalBypass: true,
};

/** @param user null for a place of the organisation, which has no preferences of its own */
export function effectiveSettings(
  organization: OrganizationSettings,
  user: UserPreferences | null,
  eventType: string,
  channel: ChannelName,
): EffectiveSettings {
  const own = <T>(value: T): Layered<T> => ({ value, layer: 'organization' });
  const channels = organization.triggers[eventType];
  const preferred = user?.events?.[eventType]?.[channel];
  return {
    channelEnabled: own(organization.channels[channel].enabled),
    criticalOnly: own(organization.channels[channel].criticalOnly ?? false),
    triggered: channels
      ? own(channels.includes(channel))
      : { value: (builtInSettings.triggers[eventType] ?? []).includes(channel), layer: 'built-in' },
    preferred: preferred === undefined ? { value: true, layer: 'built-in' } : { value: preferred, layer: 'user' },
    criticalBypass: own(organization.criticalBypass),
    timeZone: user?.timeZone ? { value: user.timeZone, layer: 'user' } : own(organization.timeZone),
    quietHours: unitedQuietHours(organization, user),
    quietUntil: laterQuietUntil(organization, user),
  };
}

function unitedQuietHours(
  { quietHours }: OrganizationSettings,
  user: UserPreferences | null,
): Layered<readonly QuietWindow[]> {
  const windows = quietHours.enabled ? quietHours.windows : [];
  if (!user?.quietHours?.length) return { value: windows, layer: 'organization' };
  return { value: [...windows, ...user.quietHours], layer: 'user' };
}

function laterQuietUntil({ doNotDisturb }: OrganizationSettings, user: UserPreferences | null): Layered<number | null> {
  const organization = doNotDisturb.enabled ? (doNotDisturb.until ?? Infinity) : null;
  if (user?.dndUntil !== undefined && user.dndUntil > (organization ?? -Infinity))
    return { value: user.dndUntil, layer: 'user' };
  return { value: organization, layer: 'organization' };
}

/** Reads what is stored for a user. Values it does not understand count as absent: a bad preference must not stop the mail. */
export function readUserPreferences(stored: unknown): UserPreferences {
  const raw = record(stored);
  const preferences: UserPreferences = { events: readEvents(record(raw.events)) };
  if (typeof raw.timeZone === 'string' && isTimeZone(raw.timeZone)) preferences.timeZone = raw.timeZone;
  if (Array.isArray(raw.quietHours)) preferences.quietHours = raw.quietHours.filter(isSoundWindow);
  const dndUntil = typeof raw.dndUntil === 'string' ? Date.parse(raw.dndUntil) : Number.NaN;
  if (Number.isFinite(dndUntil)) preferences.dndUntil = dndUntil;
  return preferences;
}

function readEvents(raw: Record<string, unknown>): NonNullable<UserPreferences['events']> {
  const events: Record<string, Partial<Record<ChannelName, boolean>>> = {};
  for (const [type, channels] of Object.entries(raw)) {
    const onOrOff = Object.entries(record(channels)).filter(([, on]) => typeof on === 'boolean');
    events[type] = Object.fromEntries(onOrOff);
  }
  return events;
}

function isSoundWindow(raw: unknown): raw is QuietWindow {
  const { days, start, end } = record(raw);
  const soundDays =
    days === undefined ||
    (Array.isArray(days) && days.every((d): d is Weekday => Number.isInteger(d) && d >= 1 && d <= 7));
  return soundDays && typeof start === 'string' && typeof end === 'string' && windowProblem({ start, end }) === null;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
