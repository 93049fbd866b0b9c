import {
  type ChannelName,
  effectiveSettings,
  encodeTrace,
  type OrganizationSettings,
  type Plan,
  plan,
  readUserPreferences,
} from '@carillon/delivery-policy';
import type { ConfiguredProvider } from '../channels/channel-providers.js';
import { eventCatalogue } from '../event-catalogue.js';
import type { DeliveryState } from '../deliveries/delivery-state.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import type { EventRow } from './event.repository.js';
import type { Recipient } from './recipients.js';

/** All that a decision is made of, looked up beforehand. */
export interface Question {
  event: EventRow;
  channel: ChannelName;
  /** null: it has left the organisation. */
  recipient: Recipient | null;
  settings: NotificationSettings;
  provider: ConfiguredProvider | null;
  now: number;
  test?: boolean;
}

/** What the planner says, in the columns of a delivery. */
export interface Verdict {
  state: Extract<DeliveryState, 'planned' | 'held' | 'dropped'>;
  decision: Plan['decision']['action'];
  reason: string | null;
  trace: string;
  holdUntil: Date | null;
}

/** Asks `plan()`. Pure. */
export function verdictOf({ event, channel, recipient, settings, provider, now, test }: Question): Verdict {
  const address = recipient?.addresses[channel];
  const { decision, trace } = plan({
    now,
    event: {
      severity: event.severity,
      expiresAt: event.expiresAt?.getTime() ?? null,
      mandatory: eventCatalogue.get(event.type)?.mandatory ?? false,
    },
    settings: effectiveSettings(
      policySettings(settings),
      recipient?.userId ? readUserPreferences(recipient.preferences) : null,
      event.type,
      channel,
    ),
    // a place of the organisation needs no address: its webhook is the place
    facts: { configured: provider !== null, hasAddress: recipient?.userId === null || Boolean(address) },
    ...(test && { test }),
  });
  const until = decision.action === 'hold' ? decision.until : null;
  return {
    state: decision.action === 'send' ? 'planned' : decision.action === 'hold' ? 'held' : 'dropped',
    decision: decision.action,
    reason: decision.action === 'drop' ? decision.reason : null,
    trace: encodeTrace(trace),
    holdUntil: until === null ? null : new Date(until),
  };
}

/** The row, in the planner's terms. */
export function policySettings(row: NotificationSettings): OrganizationSettings {
  return {
    channels: {
      email: { enabled: row.emailEnabled },
      sms: { enabled: row.smsEnabled },
      slack: { enabled: row.slackEnabled, criticalOnly: row.slackCriticalOnly },
    },
    triggers: row.triggers,
    quietHours: { enabled: row.quietHoursEnabled, windows: row.quietHours },
    timeZone: row.timezone,
    doNotDisturb: { enabled: row.dndEnabled, until: row.dndUntil?.getTime() ?? null },
    criticalBypass: row.criticalBypass,
  };
}
