import type { ChannelName } from '@carillon/delivery-policy';
import { Inject, Injectable } from '@nestjs/common';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, rowsOf, type Transaction } from '../../platform/database/index.js';
import type { Principal } from '../../platform/http/index.js';
import { ChannelProviders, type ConfiguredProvider } from '../channels/channel-providers.js';
import { MessageSender, type Outcome, type PreparedMessage } from '../channels/message-sender.js';
import { DeliveryRepository } from '../deliveries/delivery.repository.js';
import { testEventType } from '../event-catalogue.js';
import { EventRepository, type EventRow } from '../planning/event.repository.js';
import { verdictOf } from '../planning/planner.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import { NotificationSettingsRepository } from '../settings/notification-settings.repository.js';
import { contentOf } from '../templates/content.js';
import type { TestMessageDto } from './test-message.dto.js';

/** Longer than the providers' own time-outs, shorter than the request's. */
const deadline = 45_000;

type Begun =
  { provider: string; deliveryId: string; message: PreparedMessage } | { provider: string | null; error: string };

interface Test {
  principal: Principal;
  channel: ChannelName;
  address: string | null;
  event: EventRow;
  settings: NotificationSettings;
  configured: ConfiguredProvider | null;
}

/** Sends a message through the organisation's real provider at once, and answers as the provider answered. It stands in the log like any other. */
@Injectable()
export class TestMessages {
  constructor(
    private readonly database: Database,
    private readonly settings: NotificationSettingsRepository,
    private readonly providers: ChannelProviders,
    private readonly events: EventRepository,
    private readonly deliveries: DeliveryRepository,
    private readonly sender: MessageSender,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async send(
    principal: Principal,
    channel: ChannelName,
    to: string | undefined,
    origin: Origin,
  ): Promise<TestMessageDto> {
    const { organizationId } = principal;
    const begun = await this.database.withOrganization(organizationId, async (tx) => {
      const details = { channel };
      await recordAudit(tx, principal, organizationId, { action: 'notification-settings.tested', details, ...origin });
      return this.begin(tx, principal, channel, to);
    });
    if (!('message' in begun)) return { success: false, ...begun };
    const outcome = await this.sender.send(begun.message, AbortSignal.timeout(deadline));
    await this.database.withOrganization(organizationId, (tx) => this.end(tx, begun.deliveryId, outcome));
    const { provider } = begun;
    return outcome.sent
      ? { success: true, provider, messageId: outcome.messageId }
      : { success: false, provider, error: outcome.failure.message };
  }

  private async begin(
    tx: Transaction,
    principal: Principal,
    channel: ChannelName,
    to: string | undefined,
  ): Promise<Begun> {
    const settings = await this.settings.get(tx, principal.organizationId, principal.id);
    const configured = (await this.providers.of(tx, settings))[channel];
    const address = to ?? (await this.usualAddress(tx, principal, channel, settings));
    const event = await this.events.insertPlanned(tx, principal.organizationId, testEventType, principal.id);
    const deliveryId = await this.record(tx, { principal, channel, address, event, settings, configured });
    const provider = configured?.provider.name ?? null;
    if (!deliveryId) return { provider, error: whyNot(channel, settings, provider) };
    const content = contentOf(event, this.config.publicUrl);
    const message = this.sender.prepare(
      { deliveryId, channel, address: address ?? '', content },
      configured!,
      settings,
    );
    if ('class' in message) {
      await this.deliveries.move(tx, deliveryId, 'failed', { error: message.message, errorClass: message.class });
      return { provider, error: message.message };
    }
    await this.deliveries.move(tx, deliveryId, 'sending', { attempts: 1, subject: content.subject });
    return { provider: provider!, deliveryId, message };
  }

  /** Answers the delivery's id where the planner lets it go. */
  private async record(tx: Transaction, t: Test): Promise<string | null> {
    const { principal, channel, address, event, settings, configured } = t;
    const userId = channel === 'slack' ? null : principal.id;
    const recipient = { key: `test:${channel}`, userId, addresses: { [channel]: address }, preferences: null };
    const now = await this.events.now(tx);
    const verdict = verdictOf({ event, channel, recipient, settings, provider: configured, now, test: true });
    const provider = configured?.provider.name ?? null;
    const planned = { eventId: event.id, recipient: recipient.key, userId, channel, address, provider, test: true };
    const [delivery] = await this.deliveries.insert(tx, principal.organizationId, [{ ...planned, ...verdict }]);
    return verdict.state === 'planned' ? delivery!.id : null;
  }

  private async end(tx: Transaction, id: string, outcome: Outcome): Promise<void> {
    if (outcome.sent) await this.deliveries.move(tx, id, 'sent', { providerMessageId: outcome.messageId });
    else {
      const { class: errorClass, message: error } = outcome.failure;
      await this.deliveries.move(tx, id, errorClass === 'ambiguous' ? 'ambiguous' : 'failed', { error, errorClass });
    }
  }

  private async usualAddress(
    tx: Transaction,
    principal: Principal,
    channel: ChannelName,
    settings: NotificationSettings,
  ): Promise<string | null> {
    if (channel === 'slack') return settings.slackChannel;
    if (channel === 'email') return settings.emailReplyTo ?? principal.email;
    const [caller] = await rowsOf<{ phone: string | null }>(tx, `select phone from users where id = $1`, [
      principal.id,
    ]);
    return caller?.phone ?? null;
  }
}

function whyNot(channel: ChannelName, settings: NotificationSettings, provider: string | null): string {
  const switchOf = { email: 'emailEnabled', sms: 'smsEnabled', slack: 'slackEnabled' } as const;
  if (!settings[switchOf[channel]]) return `The channel is switched off: set ${switchOf[channel]} to true.`;
  if (!provider) return `No provider is configured for ${channel}.`;
  return `There is no address to send to: name one.`;
}
