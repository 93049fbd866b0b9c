import type { Weekday } from '@carillon/delivery-policy';
import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { digestFrequencies, throttleOverflows } from './notification-settings.entity.js';

/** May be left out, but not be null. */
const Given = () => ValidateIf((_: object, value: unknown) => value !== undefined);
const Text = (max: number) => applyDecorators(IsString(), MaxLength(max));

export class QuietWindowDto {
  /**
   * The weekdays on which it starts, 1 is Monday; every day where absent.
   * @example [1, 2, 3, 4, 5]
   */
  @Given()
  @IsArray()
  @ArrayMaxSize(7)
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(7, { each: true })
  days?: Weekday[];

  /** @example 22:00 */
  @Text(5)
  start!: string;

  /**
   * Where it is the earlier, it is meant on the day after.
   * @example 07:00
   */
  @Text(5)
  end!: string;
}

/** The organisation's own mail server. A field that is left out stays as it is; null takes it back. */
export class SmtpChangesDto {
  /** @example smtp.example.com */
  @Given()
  @Text(253)
  host?: string;

  /** @example 587 */
  @IsOptional()
  @IsInt()
  port?: number | null;

  /** Left out: `tls` on port 465, `starttls` where there is a username, else `opportunistic`. */
  @IsOptional()
  @IsIn(['tls', 'starttls', 'opportunistic', 'none'])
  security?: string | null;

  @IsOptional()
  @Text(320)
  username?: string | null;

  /** Write-only. */
  @IsOptional()
  @Text(1_024)
  password?: string | null;
}

/** The organisation's own Twilio account. */
export class TwilioChangesDto {
  /** @example AC0123456789abcdef0123456789abcdef */
  @Given()
  @Text(64)
  accountSid?: string;

  /** Write-only. */
  @Given()
  @Text(200)
  authToken?: string;

  @IsOptional()
  @Text(64)
  messagingServiceSid?: string | null;
}

/** Whatever is left out stays as it is. */
export class ChangeNotificationSettingsDto {
  @Given()
  @IsBoolean()
  emailEnabled?: boolean;

  /** `smtp` or, outside production, `sandbox`; null: the environment's mail server, else the sandbox. */
  @IsOptional()
  @Text(50)
  emailProvider?: string | null;

  /** @example notifications@example.com */
  @IsOptional()
  @Text(320)
  emailFromAddress?: string | null;

  /** @example Acme Foundry */
  @IsOptional()
  @Text(200)
  emailFromName?: string | null;

  @IsOptional()
  @Text(320)
  emailReplyTo?: string | null;

  @Given()
  @IsBoolean()
  smsEnabled?: boolean;

  @IsOptional()
  @Text(50)
  smsProvider?: string | null;

  /**
   * In international form.
   * @example +4915112345678
   */
  @IsOptional()
  @Text(20)
  smsFromNumber?: string | null;

  @Given()
  @IsBoolean()
  slackEnabled?: boolean;

  /** @example #operations */
  @IsOptional()
  @Text(80)
  slackChannel?: string | null;

  @Given()
  @IsBoolean()
  slackCriticalOnly?: boolean;

  /** Write-only: an address at https://hooks.slack.com/; null removes it. */
  @IsOptional()
  @Text(500)
  slackWebhookUrl?: string | null;

  /** null removes the organisation's own mail server. */
  @IsOptional()
  @ValidateNested()
  @Type(() => SmtpChangesDto)
  smtp?: SmtpChangesDto | null;

  /** null removes the organisation's own Twilio account. */
  @IsOptional()
  @ValidateNested()
  @Type(() => TwilioChangesDto)
  twilio?: TwilioChangesDto | null;

  /**
   * Event type → channels; types that are left out stay as they are, an empty list ends the type's messages.
   * @example { "job.completed": ["email"], "job.failed": ["email", "slack"] }
   */
  @Given()
  @IsObject()
  triggers?: Record<string, unknown>;

  @Given()
  @IsIn(digestFrequencies)
  digestFrequency?: (typeof digestFrequencies)[number];

  /** @example 08:00 */
  @Given()
  @Matches(/^([01]\d|2[0-3]):[0-5]\d$/, { message: 'must be a time of day such as 08:00' })
  digestTime?: string;

  @Given()
  @IsInt()
  @Min(1)
  @Max(7)
  digestWeekday?: number;

  @Given()
  @IsInt()
  @Min(0)
  @Max(59)
  digestMinute?: number;

  @Given()
  @IsBoolean()
  quietHoursEnabled?: boolean;

  @Given()
  @IsArray()
  @ArrayMaxSize(50)
  @ValidateNested({ each: true })
  @Type(() => QuietWindowDto)
  quietHours?: QuietWindowDto[];

  /**
   * IANA name.
   * @example Europe/Berlin
   */
  @Given()
  @Text(64)
  timezone?: string;

  @Given()
  @IsBoolean()
  dndEnabled?: boolean;

  /** null: until it is switched off. */
  @IsOptional()
  @IsISO8601({ strict: true, strictSeparator: true })
  dndUntil?: string | null;

  @IsOptional()
  @Text(500)
  dndReason?: string | null;

  /** Critical events pass quiet hours and do-not-disturb. */
  @Given()
  @IsBoolean()
  criticalBypass?: boolean;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  throttlePerHour?: number | null;

  @Given()
  @IsIn(throttleOverflows)
  throttleOverflow?: (typeof throttleOverflows)[number];

  /** Free for the caller's own use; at most 16 kB. */
  @Given()
  @IsObject()
  customSettings?: Record<string, unknown>;
}
