import { DiscardJob, type Job, type JobContext, SnoozeJob } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import type { Failure } from '@carillon/notification-channels';
import { Inject } from '@nestjs/common';
import { IsUUID } from 'class-validator';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { notificationsQueue } from '../../platform/events/index.js';
import { ChannelProviders } from '../channels/channel-providers.js';
import { MessageSender, type Outcome, type PreparedMessage } from '../channels/message-sender.js';
import { EventRepository } from '../planning/event.repository.js';
import { verdictOf } from '../planning/planner.js';
import { Recipients } from '../planning/recipients.js';
import { NotificationSettingsRepository } from '../settings/notification-settings.repository.js';
import { contentOf } from '../templates/content.js';
import type { Delivery } from './delivery.entity.js';
import { DeliveryRepository } from './delivery.repository.js';

export class DeliverNotificationPayload {
  @IsUUID()
  deliveryId!: string;
}

const maxRetries = 5;
/** What a provider may make us wait, whatever it asks. */
const longestWait = 15 * 60_000;
const usualWait = 30_000;

/** What came of the first half: a message to send, or an end without one. */
type Begun = { message: PreparedMessage } | { ended: string; failure?: Failure };

/**
 * Sends one delivery: plans it again, renders, sends, and writes down what came of it. Retries are the engine's, for this delivery alone.
 * A run that finds the delivery `sending` knows that the one before it was lost with the message perhaps out: it sends again only where
 * the provider recognises a repetition.
 */
@JobHandler('notifications.deliver', {
  queue: notificationsQueue,
  internal: true,
  maxRetries,
  backoff: { base: 1_000, cap: 600_000 },
  timeoutSeconds: 120,
  payload: DeliverNotificationPayload,
})
export class DeliverNotification implements Job<DeliverNotificationPayload> {
  constructor(
    private readonly database: Database,
    private readonly deliveries: DeliveryRepository,
    private readonly events: EventRepository,
    private readonly settings: NotificationSettingsRepository,
    private readonly providers: ChannelProviders,
    private readonly recipients: Recipients,
    private readonly sender: MessageSender,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async run(
    { deliveryId }: DeliverNotificationPayload,
    ctx: JobContext,
  ): Promise<{ state: string; messageId?: string }> {
    const begun = await this.within(ctx, (tx) => this.begin(tx, deliveryId, ctx.organizationId));
    if (!('message' in begun)) {
      if (begun.failure) throw new DiscardJob(begun.failure.message, begun.failure.class);
      return { state: begun.ended };
    }
    const outcome = await this.sender.send(begun.message, ctx.signal);
    await this.within(ctx, (tx) => this.end(tx, deliveryId, outcome, ctx.attempt > maxRetries));
    if (outcome.sent) return { state: 'sent', messageId: outcome.messageId };
    throw errorFor(outcome.failure);
  }

  private within<T>(ctx: JobContext, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.database.withOrganization(ctx.organizationId, work);
  }

  private async begin(tx: Transaction, id: string, organizationId: string): Promise<Begun> {
    const settings = await this.settings.hold(tx, organizationId);
    const delivery = await this.deliveries.lock(tx, id);
    if (!delivery) return { ended: 'deleted' };
    if (delivery.state !== 'planned' && delivery.state !== 'sending') return { ended: delivery.state };
    const { channel } = delivery;
    const event = (await this.events.find(tx, delivery.eventId))!;
    const provider = (await this.providers.of(tx, settings))[channel];
    if (delivery.state === 'sending' && !provider?.provider.idempotent) return this.leaveAmbiguous(tx, delivery);
    const recipient = await this.recipients.find(tx, delivery.recipient, settings);
    const now = await this.events.now(tx);
    const { state, ...verdict } = verdictOf({
      event,
      channel,
      recipient,
      settings,
      provider,
      now,
      test: delivery.test,
    });
    if (state !== 'planned') {
      if (delivery.state === 'sending') await this.deliveries.move(tx, id, 'planned');
      await this.deliveries.move(tx, id, state, verdict);
      return { ended: state };
    }
    const address = recipient!.addresses[channel] ?? '';
    const content = contentOf(event, this.config.publicUrl);
    const prepared = this.sender.prepare({ deliveryId: id, channel, address, content }, provider!, settings);
    if ('class' in prepared) return this.fail(tx, delivery, prepared);
    const sending = { ...verdict, provider: provider!.provider.name, address, subject: content.subject };
    if (delivery.state === 'sending') await this.deliveries.note(tx, id, { attempts: delivery.attempts + 1 });
    else await this.deliveries.move(tx, id, 'sending', { ...sending, attempts: delivery.attempts + 1 });
    return { message: prepared };
  }

  private async leaveAmbiguous(tx: Transaction, { id }: Delivery): Promise<Begun> {
    const message = 'the worker was lost while it sent: the message may have arrived';
    await this.deliveries.move(tx, id, 'ambiguous', { error: message, errorClass: 'ambiguous' });
    return { ended: 'ambiguous', failure: { class: 'ambiguous', message } };
  }

  private async fail(tx: Transaction, { id }: Delivery, failure: Failure): Promise<Begun> {
    await this.deliveries.move(tx, id, 'failed', { error: failure.message, errorClass: failure.class });
    return { ended: 'failed', failure };
  }

  private async end(tx: Transaction, id: string, outcome: Outcome, last: boolean): Promise<void> {
    if (outcome.sent) {
      await this.deliveries.move(tx, id, 'sent', {
        providerMessageId: outcome.messageId,
        error: null,
        errorClass: null,
      });
      return;
    }
    const { class: errorClass, message: error } = outcome.failure;
    await this.deliveries.move(tx, id, stateAfter(outcome.failure, last), { error, errorClass });
  }
}

/** Where a failed attempt leaves the delivery; `last` says that the engine will not try again. */
function stateAfter(failure: Failure, last: boolean): 'planned' | 'failed' | 'ambiguous' {
  if (failure.class === 'ambiguous') return 'ambiguous';
  if (failure.class === 'rate_limited') return 'planned';
  return failure.class === 'transient' && !last ? 'planned' : 'failed';
}

/** What the engine is to make of it: wait as asked, try again with backoff, or never. */
function errorFor(failure: Failure): Error {
  if (failure.class === 'rate_limited') return new SnoozeJob(Math.min(failure.retryAfterMs ?? usualWait, longestWait));
  if (failure.class === 'transient') return new Error(failure.message);
  return new DiscardJob(failure.message, failure.class);
}
