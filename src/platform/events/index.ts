export type { EventToRaise } from './event.js';
export { notificationsQueue } from './event-store.js';
export { Events } from './events.js';
export { EventsModule } from './events.module.js';
