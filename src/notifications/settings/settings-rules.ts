/** What is well-formed and yet impossible in a change of the settings. Pure: what it has to know is handed in. */
import { isTimeZone, leavesNoOpenMinute, windowProblem } from '@carillon/delivery-policy';
import { isE164 } from '@carillon/notification-channels';
import type { ProblemDetail } from '../../platform/http/index.js';
import { channelNames, isChannelName } from '../channels/channel-names.js';
import type { ChangeNotificationSettingsDto, QuietWindowDto } from './settings.dto.js';

export interface Knowledge {
  providers(channel: string): readonly string[];
  eventTypes: ReadonlySet<string>;
}

export function problemsOf(changes: ChangeNotificationSettingsDto, known: Knowledge): ProblemDetail[] {
  return [
    ...providerProblems(changes, known),
    ...addressProblems(changes),
    ...headerProblems(changes),
    ...(changes.triggers ? triggerProblems(changes.triggers, known.eventTypes) : []),
    ...(changes.quietHours ? quietHoursProblems(changes.quietHours) : []),
    ...(changes.timezone !== undefined && !isTimeZone(changes.timezone)
      ? [{ pointer: '/timezone', message: `"${changes.timezone}" is no IANA time zone, such as Europe/Berlin` }]
      : []),
    ...(changes.customSettings && JSON.stringify(changes.customSettings).length > 16_384
      ? [{ pointer: '/customSettings', message: 'must be at most 16,384 characters of JSON' }]
      : []),
  ];
}

function providerProblems(changes: ChangeNotificationSettingsDto, known: Knowledge): ProblemDetail[] {
  return (['email', 'sms'] as const).flatMap((channel) => {
    const field = `${channel}Provider` as const;
    const chosen = changes[field];
    const names = known.providers(channel);
    if (chosen === undefined || chosen === null || names.includes(chosen)) return [];
    return [{ pointer: `/${field}`, message: `"${chosen}" is not registered: choose one of ${names.join(', ')}` }];
  });
}

function addressProblems(changes: ChangeNotificationSettingsDto): ProblemDetail[] {
  const emails = (['emailFromAddress', 'emailReplyTo'] as const)
    .filter(
      (field) =>
        typeof changes[field] === 'string' && !/^[^\s@<>,;"()[\]\\]+@[^\s@<>,;"()[\]\\]+$/.test(changes[field]),
    )
    .map((field) => ({ pointer: `/${field}`, message: 'must be one email address' }));
  const { smsFromNumber } = changes;
  if (typeof smsFromNumber !== 'string' || isE164(smsFromNumber)) return emails;
  return [...emails, { pointer: '/smsFromNumber', message: 'must be in international form, such as +4915112345678' }];
}

/** A line break in what becomes a header would let its author write headers of his own. */
function headerProblems(changes: ChangeNotificationSettingsDto): ProblemDetail[] {
  return (['emailFromName', 'slackChannel'] as const)
    .filter((field) => /[\p{Cc}\u2028\u2029]/u.test(changes[field] ?? ''))
    .map((field) => ({ pointer: `/${field}`, message: 'must be one line without control characters' }));
}

function triggerProblems(triggers: Record<string, unknown>, eventTypes: ReadonlySet<string>): ProblemDetail[] {
  return Object.entries(triggers).flatMap(([type, channels]) => {
    const pointer = `/triggers/${type.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!eventTypes.has(type)) return [{ pointer, message: `"${type}" is no known event type` }];
    if (!Array.isArray(channels)) return [{ pointer, message: 'must be a list of channels' }];
    const unknown = channels.filter((channel) => !isChannelName(channel));
    const problems = unknown.map((channel) => ({
      pointer,
      message: `${JSON.stringify(channel)} is no channel: choose of ${channelNames.join(', ')}`,
    }));
    if (new Set(channels).size < channels.length) problems.push({ pointer, message: 'names a channel twice' });
    return problems;
  });
}

function quietHoursProblems(windows: readonly QuietWindowDto[]): ProblemDetail[] {
  const problems = windows.flatMap((window, i) => {
    const message = windowProblem(window);
    return message ? [{ pointer: `/quietHours/${i}`, message }] : [];
  });
  if (problems.length === 0 && leavesNoOpenMinute(windows))
    problems.push({ pointer: '/quietHours', message: 'cover the whole week: nothing could ever be sent' });
  return problems;
}
