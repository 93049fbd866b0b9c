/** What a reader sees of the settings: every value, the provider in use, and of secrets only that they are there. */
import type { ChannelName } from '@carillon/delivery-policy';
import type { ConfiguredProvider } from '../channels/channel-providers.js';
import type { ChannelSettings } from '../channels/channel-settings.entity.js';
import type { NotificationSettings } from './notification-settings.entity.js';
import type { ChannelStateDto, NotificationSettingsDto, SecretDto, SmtpDto, TwilioDto } from './settings-answer.dto.js';

export function answerOf(
  { createdBy: _by, updatedBy: _changedBy, ...settings }: NotificationSettings,
  providers: Record<ChannelName, ConfiguredProvider | null>,
  own: readonly ChannelSettings[],
): NotificationSettingsDto {
  const row = (channel: string, provider: string) =>
    own.find((candidate) => candidate.channel === channel && candidate.provider === provider);
  const channels = { email: stateOf(providers.email), sms: stateOf(providers.sms), slack: stateOf(providers.slack) };
  return {
    ...settings,
    emailProvider: channels.email.provider,
    smsProvider: channels.sms.provider,
    slackWebhookUrl: secretOf(row('slack', 'webhook'), 'webhookUrl'),
    smtp: withSecret<SmtpDto>(row('email', 'smtp'), 'password'),
    twilio: withSecret<TwilioDto>(row('sms', 'twilio'), 'authToken'),
    channels,
  };
}

const stateOf = (configured: ConfiguredProvider | null): ChannelStateDto => ({
  available: configured !== null,
  provider: configured?.provider.name ?? null,
  source: configured?.source ?? null,
});

function secretOf(row: ChannelSettings | undefined, field: string): SecretDto {
  const hint = row?.secretHints[field];
  return hint ? { configured: true, ...hint } : { configured: false };
}

const withSecret = <T>(row: ChannelSettings | undefined, field: string): T | null =>
  row ? ({ ...row.settings, [field]: secretOf(row, field) } as T) : null;
