import type { ChannelName, QuietWindow } from '@carillon/delivery-policy';
import { Column, Entity, PrimaryColumn } from 'typeorm';

export const digestFrequencies = ['immediate', 'hourly', 'daily', 'weekly'] as const;
export const throttleOverflows = ['drop', 'digest'] as const;

/** How an organisation wants to be told: one row each, made with the defaults on the first read. */
@Entity('notification_settings')
export class NotificationSettings {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('boolean', { name: 'email_enabled' })
  emailEnabled!: boolean;

  /** null: the environment's provider, else the sandbox. */
  @Column('text', { name: 'email_provider', nullable: true })
  emailProvider!: string | null;

  @Column('text', { name: 'email_from_address', nullable: true })
  emailFromAddress!: string | null;

  @Column('text', { name: 'email_from_name', nullable: true })
  emailFromName!: string | null;

  @Column('text', { name: 'email_reply_to', nullable: true })
  emailReplyTo!: string | null;

  @Column('boolean', { name: 'sms_enabled' })
  smsEnabled!: boolean;

  @Column('text', { name: 'sms_provider', nullable: true })
  smsProvider!: string | null;

  @Column('text', { name: 'sms_from_number', nullable: true })
  smsFromNumber!: string | null;

  @Column('boolean', { name: 'slack_enabled' })
  slackEnabled!: boolean;

  @Column('text', { name: 'slack_channel', nullable: true })
  slackChannel!: string | null;

  @Column('boolean', { name: 'slack_critical_only' })
  slackCriticalOnly!: boolean;

  @Column('jsonb')
  triggers!: Record<string, ChannelName[]>;

  @Column('text', { name: 'digest_frequency' })
  digestFrequency!: (typeof digestFrequencies)[number];

  @Column('text', { name: 'digest_time' })
  digestTime!: string;

  @Column('smallint', { name: 'digest_weekday' })
  digestWeekday!: number;

  @Column('smallint', { name: 'digest_minute' })
  digestMinute!: number;

  @Column('boolean', { name: 'quiet_hours_enabled' })
  quietHoursEnabled!: boolean;

  @Column('jsonb', { name: 'quiet_hours' })
  quietHours!: QuietWindow[];

  @Column('text')
  timezone!: string;

  @Column('boolean', { name: 'dnd_enabled' })
  dndEnabled!: boolean;

  @Column('timestamptz', { name: 'dnd_until', nullable: true })
  dndUntil!: Date | null;

  @Column('text', { name: 'dnd_reason', nullable: true })
  dndReason!: string | null;

  @Column('boolean', { name: 'critical_bypass' })
  criticalBypass!: boolean;

  @Column('int', { name: 'throttle_per_hour', nullable: true })
  throttlePerHour!: number | null;

  @Column('text', { name: 'throttle_overflow' })
  throttleOverflow!: (typeof throttleOverflows)[number];

  @Column('jsonb', { name: 'custom_settings' })
  customSettings!: Record<string, unknown>;

  @Column('int')
  version!: number;

  @Column('uuid', { name: 'created_by', nullable: true })
  createdBy!: string | null;

  @Column('uuid', { name: 'updated_by', nullable: true })
  updatedBy!: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
