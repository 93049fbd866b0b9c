import { ChannelSettings } from './channels/channel-settings.entity.js';
import { Delivery } from './deliveries/delivery.entity.js';
import { NotificationSettings } from './settings/notification-settings.entity.js';

export { NotificationsModule } from './notifications.module.js';

/** TypeORM entities of this room. */
export const notificationEntities: (new () => object)[] = [NotificationSettings, ChannelSettings, Delivery];
