import type { SandboxMessage, SandboxSink } from '@carillon/notification-channels';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database, rowsOf, type Transaction } from '../../platform/database/index.js';
import { boundedCount, totalOf } from '../../platform/http/index.js';
import type { MailboxPageDto, MailboxQuery, MailDto } from './mailbox.dto.js';

/** All statements on `sandbox_messages`: what the sandbox keeps instead of sending. */
@Injectable()
export class SandboxMailbox implements SandboxSink {
  constructor(private readonly database: Database) {}

  async store({ organizationId, channel, key, to, subject, message }: SandboxMessage): Promise<void> {
    await this.database.withOrganization(organizationId, (tx) =>
      tx.query(
        `insert into sandbox_messages (id, organization_id, channel, delivery_id, recipient, subject, message)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict on constraint sandbox_messages_delivery_unique do nothing`,
        [uuidv7(), organizationId, channel, key, to, subject, message],
      ),
    );
  }

  /** Newest first. */
  async page(tx: Transaction, { channel, to, skip, limit }: MailboxQuery): Promise<MailboxPageDto> {
    const where = `($1::text is null or channel = $1) and ($2::text is null or lower(recipient) = lower($2))`;
    const values = [channel ?? null, to ?? null];
    const messages = await rowsOf<MailDto>(
      tx,
      `select id, organization_id as "organizationId", channel, recipient as "to", subject, message, delivery_id as "deliveryId",
              created_at as "createdAt"
       from sandbox_messages where ${where} order by id desc offset $3 limit $4`,
      [...values, skip, limit],
    );
    const [count] = await rowsOf<{ counted: number }>(
      tx,
      boundedCount(`select 1 from sandbox_messages where ${where}`),
      values,
    );
    return { messages, ...totalOf(count!.counted) };
  }
}
