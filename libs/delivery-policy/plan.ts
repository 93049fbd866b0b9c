/**
 * Whether one message is sent, and when. Pure: the sender, the API and the console ask the same function.
 * The rules keep the numbers of the table in docs; those that are not listed (duplicates, suppression, throttle, digest) have their place
 * between these and their inputs in `PlanInput`.
 */
import type { EffectiveSettings, Layered } from './preferences.js';
import { firstOpenInstant } from './quiet-hours.js';
import type { TraceStep } from './trace.js';

export type Severity = 'info' | 'warning' | 'critical';
export type DropReason = 'channel_unavailable' | 'expired' | 'not_subscribed' | 'preference_off' | 'would_expire';

export type Decision =
  | { action: 'send' }
  /** `until` null: no timer; it is planned again when do-not-disturb ends or the settings change. */
  | { action: 'hold'; until: number | null }
  | { action: 'drop'; reason: DropReason };

export interface Plan {
  decision: Decision;
  trace: TraceStep[];
}

/** Instants in epoch milliseconds. */
export interface PlanInput {
  now: number;
  event: {
    severity: Severity;
    expiresAt?: number | null;
    /** Sent whatever the triggers and preferences say. */
    mandatory: boolean;
  };
  settings: EffectiveSettings;
  /** What the caller looked up; nothing of it may count the delivery that is being planned. */
  facts: {
    /** A provider is configured for the channel. */
    configured: boolean;
    /** The recipient can be reached on the channel. */
    hasAddress: boolean;
  };
  /** A test message passes rules 5 to 9. */
  test?: boolean;
}

export function plan(input: PlanInput): Plan {
  const trace: TraceStep[] = [];
  let at = input.now;
  for (const [number, rule] of rules) {
    if (input.test && number >= 5 && number <= 9) continue;
    const outcome = rule(input, at);
    trace.push({ rule: number, ...outcome.read });
    if (outcome.decision) return { decision: outcome.decision, trace };
    at = outcome.at ?? at;
  }
  throw new Error('the last rule always decides');
}

interface Outcome {
  read?: Omit<TraceStep, 'rule'>;
  decision?: Decision;
  /** The instant from which the next rules go on. */
  at?: number;
}
type Rule = (input: PlanInput, at: number) => Outcome;

/** In the order in which they are tried; the first that decides, decides. */
const rules: readonly (readonly [number, Rule])[] = [
  [2, channelAvailable],
  [4, notExpired],
  [5, subscribed],
  [6, criticalPasses],
  [9, notDisturbing],
  [10, inTime],
  [11, sendOrHold],
];

const drop = (reason: DropReason): Decision => ({ action: 'drop', reason });
const seen = ({ value, layer }: Layered<boolean>) => ({ layer, value: value ? 'on' : 'off' });

function channelAvailable({ settings, facts }: PlanInput): Outcome {
  const read = seen(settings.channelEnabled);
  if (settings.channelEnabled.value && facts.configured && facts.hasAddress) return { read };
  const missing = facts.configured ? 'no_address' : 'not_configured';
  return {
    read: settings.channelEnabled.value ? { ...read, value: missing } : read,
    decision: drop('channel_unavailable'),
  };
}

function notExpired({ event, now }: PlanInput): Outcome {
  return typeof event.expiresAt === 'number' && now >= event.expiresAt ? { decision: drop('expired') } : {};
}

function subscribed({ event, settings }: PlanInput): Outcome {
  if (event.mandatory) return { read: { value: 'mandatory' } };
  const { triggered, criticalOnly, preferred } = settings;
  if (!triggered.value) return { read: seen(triggered), decision: drop('not_subscribed') };
  if (criticalOnly.value && event.severity !== 'critical')
    return { read: { layer: criticalOnly.layer, value: 'critical_only' }, decision: drop('not_subscribed') };
  return preferred.value ? { read: seen(preferred) } : { read: seen(preferred), decision: drop('preference_off') };
}

function criticalPasses({ event, settings }: PlanInput): Outcome {
  if (event.severity !== 'critical') return {};
  const read = seen(settings.criticalBypass);
  return settings.criticalBypass.value ? { read, decision: { action: 'send' } } : { read };
}

/** The first instant from `at` on that lies in no do-not-disturb and no quiet window; Infinity where there is none in sight. */
function notDisturbing({ settings }: PlanInput, at: number): Outcome {
  const { quietUntil, quietHours, timeZone } = settings;
  const rested = Math.max(at, quietUntil.value ?? at);
  const open = Number.isFinite(rested)
    ? (firstOpenInstant(rested, quietHours.value, timeZone.value) ?? Infinity)
    : rested;
  if (open === at) return { at };
  const layer = rested > at ? quietUntil.layer : quietHours.layer;
  return { at: open, read: { layer, value: Number.isFinite(open) ? new Date(open).toISOString() : 'indefinite' } };
}

function inTime({ event }: PlanInput, at: number): Outcome {
  return typeof event.expiresAt === 'number' && event.expiresAt <= at
    ? {
        read: { value: Number.isFinite(at) ? new Date(at).toISOString() : 'indefinite' },
        decision: drop('would_expire'),
      }
    : {};
}

function sendOrHold({ now }: PlanInput, at: number): Outcome {
  if (at <= now) return { decision: { action: 'send' } };
  return { decision: { action: 'hold', until: Number.isFinite(at) ? at : null } };
}
