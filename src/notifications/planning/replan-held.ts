import type { Job, JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { Database, type Transaction } from '../../platform/database/index.js';
import { notificationsQueue } from '../../platform/events/index.js';
import { ChannelProviders } from '../channels/channel-providers.js';
import { DeliveryQueue } from '../deliveries/delivery-queue.js';
import type { Delivery } from '../deliveries/delivery.entity.js';
import { DeliveryRepository } from '../deliveries/delivery.repository.js';
import { NotificationSettingsRepository } from '../settings/notification-settings.repository.js';
import { EventRepository } from './event.repository.js';
import { type Verdict, verdictOf } from './planner.js';
import { Recipients } from './recipients.js';

const heldAtOnce = 100;

/** After a change of settings: everything that the organisation holds is decided anew, released early or dropped as it may be. */
@JobHandler('notifications.replan', { queue: notificationsQueue, internal: true, maxRetries: 10 })
export class ReplanHeld implements Job<object> {
  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly settings: NotificationSettingsRepository,
    private readonly providers: ChannelProviders,
    private readonly recipients: Recipients,
    private readonly deliveries: DeliveryRepository,
    private readonly queue: DeliveryQueue,
  ) {}

  async run(_payload: object, ctx: JobContext): Promise<{ planned: number }> {
    let planned = 0;
    for (let after: string | null = null; ;) {
      ctx.signal.throwIfAborted();
      const from: string | null = after;
      const held: Delivery[] = await this.database.withOrganization(ctx.organizationId, (tx) =>
        this.replan(tx, ctx.organizationId, from),
      );
      planned += held.length;
      if (held.length < heldAtOnce) return { planned };
      after = held.at(-1)!.id;
    }
  }

  private async replan(tx: Transaction, organizationId: string, after: string | null): Promise<Delivery[]> {
    const settings = await this.settings.hold(tx, organizationId);
    const providers = await this.providers.of(tx, settings);
    const now = await this.events.now(tx);
    const held = await this.deliveries.lockHeld(tx, organizationId, after, heldAtOnce);
    const ready: { id: string; organizationId: string }[] = [];
    for (const delivery of held) {
      const { channel, id } = delivery;
      const event = (await this.events.find(tx, delivery.eventId))!;
      const recipient = await this.recipients.find(tx, delivery.recipient, settings);
      const verdict = verdictOf({ event, channel, recipient, settings, provider: providers[channel], now });
      await this.apply(tx, delivery, verdict);
      if (verdict.state === 'planned') ready.push({ id, organizationId });
    }
    await this.queue.send(tx, ready);
    return held;
  }

  private async apply(tx: Transaction, { id }: Delivery, { state, ...changes }: Verdict): Promise<void> {
    if (state === 'held') await this.deliveries.note(tx, id, changes);
    else await this.deliveries.move(tx, id, state, changes);
  }
}
