import {
  ChannelRegistry,
  createSandbox,
  createSmtp,
  email,
  type Provider,
  slack,
  slackWebhook,
  sms,
  twilioSms,
} from '@carillon/notification-channels';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '../platform/config/index.js';
import { ChannelProviders } from './channels/channel-providers.js';
import { ChannelSettingsRepository } from './channels/channel-settings.repository.js';
import { MailboxController } from './channels/mailbox.controller.js';
import { MessageSender } from './channels/message-sender.js';
import { OwnProviders } from './channels/own-providers.js';
import { SandboxMailbox } from './channels/sandbox-mailbox.js';
import { DeliverNotification } from './deliveries/deliver-notification.js';
import { DeliveryQueue } from './deliveries/delivery-queue.js';
import { DeliveryRepository } from './deliveries/delivery.repository.js';
import { HeldSweep } from './deliveries/held-sweep.js';
import { EventRepository } from './planning/event.repository.js';
import { HeldDeliveries } from './planning/held-deliveries.js';
import { PlanNotifications } from './planning/plan-notifications.js';
import { Recipients } from './planning/recipients.js';
import { ReplanHeld } from './planning/replan-held.js';
import { NotificationSettingsController } from './settings/notification-settings.controller.js';
import { NotificationSettingsRepository } from './settings/notification-settings.repository.js';
import { NotificationSettingsService } from './settings/notification-settings.service.js';
import { TestMessagesController } from './test-messages/test-messages.controller.js';
import { TestMessages } from './test-messages/test-messages.service.js';

/** The channels and who can carry them; production has no sandbox, so there a channel is unavailable until it is configured. */
function createRegistry(config: Config, mailbox: SandboxMailbox): ChannelRegistry {
  const channels = [email, sms, slack];
  const providers = [createSmtp(), twilioSms, slackWebhook] as Provider[];
  const sandboxes = config.production ? [] : channels.map(({ name }) => createSandbox(name, mailbox) as Provider);
  return new ChannelRegistry(channels, [...providers, ...sandboxes]);
}

@Module({
  controllers: [NotificationSettingsController, TestMessagesController, MailboxController],
  providers: [
    { provide: ChannelRegistry, inject: [CONFIG, SandboxMailbox], useFactory: createRegistry },
    ChannelProviders,
    ChannelSettingsRepository,
    DeliverNotification,
    DeliveryQueue,
    DeliveryRepository,
    EventRepository,
    HeldDeliveries,
    HeldSweep,
    MessageSender,
    NotificationSettingsRepository,
    NotificationSettingsService,
    OwnProviders,
    PlanNotifications,
    Recipients,
    ReplanHeld,
    SandboxMailbox,
    TestMessages,
  ],
})
export class NotificationsModule implements OnApplicationShutdown {
  constructor(private readonly registry: ChannelRegistry) {}

  /** The worker has stopped by then: nothing is on its way any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.registry.close();
  }
}
