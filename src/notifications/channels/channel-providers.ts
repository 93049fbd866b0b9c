/** Who carries an organisation's messages: its own provider, else the environment's, else the sandbox (which production does not have). */
import type { ChannelName } from '@carillon/delivery-policy';
import { ChannelRegistry, type Provider, smtpSettingsFromUrl } from '@carillon/notification-channels';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { Transaction } from '../../platform/database/index.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import type { ChannelSettings } from './channel-settings.entity.js';
import { ChannelSettingsRepository } from './channel-settings.repository.js';

/** A provider that is configured for the organisation; `open` reads its secrets. */
export interface ConfiguredProvider {
  provider: Provider;
  source: 'organization' | 'environment' | 'sandbox';
  /** @throws SecretUnreadable, ZodError where what is stored no longer fits */
  open(): OpenProvider;
}

export interface OpenProvider {
  settings: unknown;
  /** Texts that must not appear in anything told. */
  secrets: string[];
}

@Injectable()
export class ChannelProviders {
  constructor(
    private readonly registry: ChannelRegistry,
    private readonly rows: ChannelSettingsRepository,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** For each channel its provider, or null where the channel is not available. */
  async of(tx: Transaction, settings: NotificationSettings): Promise<Record<ChannelName, ConfiguredProvider | null>> {
    const rows = await this.rows.all(tx, settings.organizationId);
    const find = (channel: ChannelName, chosen: string | null) =>
      this.find(settings.organizationId, rows, channel, chosen);
    return {
      email: find('email', settings.emailProvider),
      sms: find('sms', settings.smsProvider),
      slack: find('slack', null),
    };
  }

  private find(
    organizationId: string,
    rows: readonly ChannelSettings[],
    channel: ChannelName,
    chosen: string | null,
  ): ConfiguredProvider | null {
    const candidates = [
      ...rows.filter((row) => row.channel === channel).map((row) => this.own(row)),
      this.ofEnvironment(channel),
      this.sandbox(channel, organizationId),
    ];
    return candidates.find((c) => c !== null && (chosen === null || c.provider.name === chosen)) ?? null;
  }

  private own(row: ChannelSettings): ConfiguredProvider | null {
    const provider = this.registry.provider(row.channel, row.provider);
    if (!provider) return null;
    const open = () => {
      const { settings, secrets } = this.rows.open(row);
      return { settings: provider.settings.parse(settings), secrets };
    };
    return { provider, source: 'organization', open };
  }

  private ofEnvironment(channel: ChannelName): ConfiguredProvider | null {
    const { smtpUrl } = this.config.mail;
    const provider = this.registry.provider(channel, 'smtp');
    if (!smtpUrl || !provider) return null;
    const open = () => {
      const settings = smtpSettingsFromUrl(smtpUrl);
      return { settings: provider.settings.parse(settings), secrets: settings.password ? [settings.password] : [] };
    };
    return { provider, source: 'environment', open };
  }

  private sandbox(channel: ChannelName, organizationId: string): ConfiguredProvider | null {
    const provider = this.registry.provider(channel, 'sandbox');
    return provider
      ? { provider, source: 'sandbox', open: () => ({ settings: { organizationId }, secrets: [] }) }
      : null;
  }
}
