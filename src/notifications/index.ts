export { NotificationsModule } from './notifications.module.js';

/** TypeORM entities of this room. */
export const notificationEntities: (new () => object)[] = [];
