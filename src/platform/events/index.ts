export type { EventToRaise } from './event.js';
