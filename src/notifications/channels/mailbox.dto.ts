import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../../platform/http/index.js';
import { channelNames } from './channel-names.js';

export class MailboxQuery extends PageQuery {
  /** Only messages of this channel. */
  @IsOptional()
  @IsIn(channelNames)
  channel?: string;

  /** Only messages to this address, whatever the case. */
  @IsOptional()
  @IsString()
  @MaxLength(320)
  to?: string;
}

export class MailDto {
  id!: string;
  organizationId!: string;
  channel!: string;
  to!: string;
  subject!: string | null;
  /** As it was rendered for its channel; for email: from, to, subject, text, html, messageId and headers. */
  message!: Record<string, unknown>;
  deliveryId!: string;
  createdAt!: Date;
}

export class MailboxPageDto {
  messages!: MailDto[];
  total!: number;
  totalIsEstimate?: true;
}
