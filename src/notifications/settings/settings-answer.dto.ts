import type { digestFrequencies, throttleOverflows } from './notification-settings.entity.js';
import { QuietWindowDto } from './settings.dto.js';

/** All that is ever read of a secret. */
export class SecretDto {
  configured!: boolean;
  /** Its last characters, where it is long enough. */
  hint?: string;
  updatedAt?: string;
}

export class SmtpDto {
  host!: string;
  port!: number;
  security?: string;
  username?: string;
  password!: SecretDto;
}

export class TwilioDto {
  accountSid!: string;
  messagingServiceSid?: string;
  authToken!: SecretDto;
}

export class ChannelStateDto {
  /** A provider is configured; the channel may still be switched off. */
  available!: boolean;
  provider!: string | null;
  source!: 'organization' | 'environment' | 'sandbox' | null;
}

export class ChannelStatesDto {
  email!: ChannelStateDto;
  sms!: ChannelStateDto;
  slack!: ChannelStateDto;
}

export class NotificationSettingsDto {
  id!: string;
  organizationId!: string;
  emailEnabled!: boolean;
  /** The provider in use; null where none is configured. */
  emailProvider!: string | null;
  emailFromAddress!: string | null;
  emailFromName!: string | null;
  emailReplyTo!: string | null;
  smsEnabled!: boolean;
  smsProvider!: string | null;
  smsFromNumber!: string | null;
  slackEnabled!: boolean;
  slackChannel!: string | null;
  slackCriticalOnly!: boolean;
  slackWebhookUrl!: SecretDto;
  smtp!: SmtpDto | null;
  twilio!: TwilioDto | null;
  /** Event type → channels. */
  triggers!: Record<string, string[]>;
  digestFrequency!: (typeof digestFrequencies)[number];
  digestTime!: string;
  digestWeekday!: number;
  digestMinute!: number;
  quietHoursEnabled!: boolean;
  quietHours!: QuietWindowDto[];
  timezone!: string;
  dndEnabled!: boolean;
  dndUntil!: Date | null;
  dndReason!: string | null;
  criticalBypass!: boolean;
  throttlePerHour!: number | null;
  throttleOverflow!: (typeof throttleOverflows)[number];
  customSettings!: Record<string, unknown>;
  channels!: ChannelStatesDto;
  /** Stands in the ETag too. */
  version!: number;
  createdAt!: Date;
  updatedAt!: Date;
}
