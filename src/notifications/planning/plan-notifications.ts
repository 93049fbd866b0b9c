import { builtInSettings, type ChannelName } from '@carillon/delivery-policy';
import type { Job, JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { ArrayMaxSize, IsArray, IsUUID } from 'class-validator';
import { Database, type Transaction } from '../../platform/database/index.js';
import { notificationsQueue } from '../../platform/events/index.js';
import { ChannelProviders, type ConfiguredProvider } from '../channels/channel-providers.js';
import { DeliveryQueue } from '../deliveries/delivery-queue.js';
import { DeliveryRepository, type PlannedDelivery } from '../deliveries/delivery.repository.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import { NotificationSettingsRepository } from '../settings/notification-settings.repository.js';
import { EventRepository, type EventRow } from './event.repository.js';
import { verdictOf } from './planner.js';
import { Recipients } from './recipients.js';

export class PlanNotificationsPayload {
  @IsArray()
  @ArrayMaxSize(1_000)
  @IsUUID(undefined, { each: true })
  eventIds!: string[];
}

/** So many events a transaction: it holds the organisation's settings, and a change of them should not wait long. */
const eventsAtOnce = 50;

interface Circumstances {
  settings: NotificationSettings;
  providers: Record<ChannelName, ConfiguredProvider | null>;
  now: number;
}

/**
 * Decides for each event who is told, how and when. Safe to run again: what is planned is marked, and a delivery is unique by event,
 * recipient and channel.
 */
@JobHandler('notifications.plan', {
  queue: notificationsQueue,
  internal: true,
  maxRetries: 10,
  payload: PlanNotificationsPayload,
})
export class PlanNotifications implements Job<PlanNotificationsPayload> {
  constructor(
    private readonly database: Database,
    private readonly events: EventRepository,
    private readonly settings: NotificationSettingsRepository,
    private readonly providers: ChannelProviders,
    private readonly recipients: Recipients,
    private readonly deliveries: DeliveryRepository,
    private readonly queue: DeliveryQueue,
  ) {}

  async run({ eventIds }: PlanNotificationsPayload, ctx: JobContext): Promise<{ planned: number }> {
    let planned = 0;
    for (let from = 0; from < eventIds.length; from += eventsAtOnce) {
      ctx.signal.throwIfAborted();
      const ids = eventIds.slice(from, from + eventsAtOnce);
      planned += await this.database.withOrganization(ctx.organizationId, (tx) =>
        this.planAll(tx, ids, ctx.organizationId),
      );
    }
    return { planned };
  }

  private async planAll(tx: Transaction, ids: string[], organizationId: string): Promise<number> {
    const settings = await this.settings.hold(tx, organizationId);
    const events = await this.events.unplanned(tx, ids);
    const circumstances = {
      settings,
      providers: await this.providers.of(tx, settings),
      now: await this.events.now(tx),
    };
    const planned: PlannedDelivery[] = [];
    for (const event of events) planned.push(...(await this.planOne(tx, event, circumstances)));
    const inserted = await this.deliveries.insert(tx, organizationId, planned);
    await this.queue.send(
      tx,
      inserted.filter(({ state }) => state === 'planned').map(({ id }) => ({ id, organizationId })),
    );
    await this.events.markPlanned(
      tx,
      events.map(({ id }) => id),
    );
    return inserted.length;
  }

  private async planOne(tx: Transaction, event: EventRow, c: Circumstances): Promise<PlannedDelivery[]> {
    const planned: PlannedDelivery[] = [];
    for (const channel of c.settings.triggers[event.type] ?? builtInSettings.triggers[event.type] ?? []) {
      const provider = c.providers[channel];
      for (const recipient of await this.recipients.of(tx, event, channel, c.settings)) {
        planned.push({
          eventId: event.id,
          recipient: recipient.key,
          userId: recipient.userId,
          channel,
          address: recipient.addresses[channel] ?? null,
          provider: provider?.provider.name ?? null,
          ...verdictOf({ event, channel, recipient, settings: c.settings, provider, now: c.now }),
        });
      }
    }
    return planned;
  }
}
