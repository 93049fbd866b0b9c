import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { Transaction } from '../../platform/database/index.js';
import { SecretBox, type SecretPlace } from '../../platform/secrets/index.js';
import { ChannelSettings, type SecretHint } from './channel-settings.entity.js';

/** The provider's settings whole, and apart what of them must never be told. */
export interface OpenedSettings {
  settings: Record<string, unknown>;
  secrets: string[];
}

/** All statements on `channel_settings`; secrets pass its door only sealed. */
@Injectable()
export class ChannelSettingsRepository {
  private readonly box: SecretBox;

  constructor(@Inject(CONFIG) config: Config) {
    this.box = new SecretBox(config.secrets.keys);
  }

  all(tx: Transaction, organizationId: string): Promise<ChannelSettings[]> {
    return tx.getRepository(ChannelSettings).find({ where: { organizationId }, order: { createdAt: 'ASC' } });
  }

  find(tx: Transaction, organizationId: string, channel: string, provider: string): Promise<ChannelSettings | null> {
    return tx.getRepository(ChannelSettings).findOneBy({ organizationId, channel, provider });
  }

  /** @throws SecretUnreadable */
  open(row: ChannelSettings): OpenedSettings {
    const secrets = row.secrets ? (JSON.parse(this.box.open(row.secrets, placeOf(row))) as Record<string, string>) : {};
    return { settings: { ...row.settings, ...secrets }, secrets: Object.values(secrets) };
  }

  /** Makes or replaces the row. Call it with the organisation's notification settings locked: it reads before it writes. */
  async save(
    tx: Transaction,
    at: { organizationId: string; channel: string; provider: string },
    content: { settings: Record<string, unknown>; secrets: Record<string, string>; hints: Record<string, SecretHint> },
  ): Promise<void> {
    const existing = await this.find(tx, at.organizationId, at.channel, at.provider);
    const id = existing?.id ?? uuidv7();
    const sealed =
      Object.keys(content.secrets).length === 0
        ? null
        : this.box.seal(JSON.stringify(content.secrets), placeOf({ id, organizationId: at.organizationId }));
    await tx.query(
      `insert into channel_settings (id, organization_id, channel, provider, settings, secrets, secret_hints)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict on constraint channel_settings_pk do update
         set settings = excluded.settings, secrets = excluded.secrets, secret_hints = excluded.secret_hints,
             version = channel_settings.version + 1, updated_at = carillon_now()`,
      [id, at.organizationId, at.channel, at.provider, content.settings, sealed, content.hints],
    );
  }

  async remove(tx: Transaction, organizationId: string, channel: string, provider: string): Promise<void> {
    await tx.getRepository(ChannelSettings).delete({ organizationId, channel, provider });
  }
}

const placeOf = ({ id, organizationId }: { id: string; organizationId: string }): SecretPlace => ({
  organizationId,
  table: 'channel_settings',
  column: 'secrets',
  id,
});
