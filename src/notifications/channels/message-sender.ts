/** The last steps of every message: open the provider, render, send, and say in the provider's own words how it went. */
import type { ChannelName } from '@carillon/delivery-policy';
import {
  ChannelRegistry,
  type Content,
  type Envelope,
  type Failure,
  MessageRefused,
  type Provider,
} from '@carillon/notification-channels';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/index.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import type { ConfiguredProvider, OpenProvider } from './channel-providers.js';
import { withoutSecrets } from './redaction.js';

export interface MessageToSend {
  deliveryId: string;
  channel: ChannelName;
  address: string;
  content: Content;
}

/** A message that is ready to leave. */
export interface PreparedMessage {
  provider: Provider;
  opened: OpenProvider;
  message: unknown;
  deliveryId: string;
}

export type Outcome = { sent: true; messageId: string } | { sent: false; failure: Failure };

@Injectable()
export class MessageSender {
  constructor(
    private readonly registry: ChannelRegistry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Everything that can fail before anything leaves. */
  prepare(
    { deliveryId, channel, address, content }: MessageToSend,
    configured: ConfiguredProvider,
    settings: NotificationSettings,
  ): PreparedMessage | Failure {
    const { provider } = configured;
    let opened: OpenProvider;
    try {
      opened = configured.open();
    } catch (error) {
      return {
        class: 'config',
        message: `the settings of ${provider.name} cannot be used: ${(error as Error).message}`,
      };
    }
    try {
      const envelope = { deliveryId, to: address, domain: this.domain(), ...this.senderOf(channel, settings) };
      return { provider, opened, message: this.registry.channel(channel)!.render(content, envelope), deliveryId };
    } catch (error) {
      if (error instanceof MessageRefused) return { class: 'message', message: error.message };
      throw error;
    }
  }

  /** Never throws: a failure is an outcome. */
  async send({ provider, opened, message, deliveryId }: PreparedMessage, signal: AbortSignal): Promise<Outcome> {
    try {
      const { messageId } = await provider.send(message, opened.settings, { idempotencyKey: deliveryId, signal });
      return { sent: true, messageId };
    } catch (error) {
      const failure = provider.classify(error);
      const words = withoutSecrets(failure.message, opened.secrets).slice(0, 2_000);
      return { sent: false, failure: { ...failure, message: words } };
    }
  }

  private senderOf(channel: ChannelName, settings: NotificationSettings): Partial<Envelope> {
    if (channel === 'sms') return settings.smsFromNumber ? { from: settings.smsFromNumber } : {};
    if (channel !== 'email') return {};
    const usual = senderOf(this.config.mail.from);
    const { emailFromAddress: address, emailFromName, emailReplyTo } = settings;
    return {
      from: address ?? usual.address,
      fromName: emailFromName ?? (address ? '' : usual.name),
      ...(emailReplyTo && { replyTo: emailReplyTo }),
    };
  }

  private domain(): string {
    return new URL(this.config.publicUrl).hostname;
  }
}

/** `Name <address>` or a bare address. */
function senderOf(text: string): { address: string; name: string } {
  const [, name = '', address] = /^\s*"?([^"<]*?)"?\s*<([^<>]+)>\s*$/.exec(text) ?? [];
  return address ? { address, name } : { address: text.trim(), name: '' };
}
