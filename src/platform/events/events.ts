import { Injectable } from '@nestjs/common';
import { JobClient, type Sql } from '@carillon/job-engine';
import { sqlOf, type Transaction } from '../database/index.js';
import { JobQueue } from '../queue/index.js';
import type { EventToRaise } from './event.js';
import { insertEvents, notificationsQueue, planJobs, stamp } from './event-store.js';

/**
 * Tells that something happened, in the transaction in which it happened: rolled back, it was never told.
 * Who hears of it, how and when, is decided afterwards by the job `notifications.plan`.
 */
@Injectable()
export class Events {
  constructor(
    private readonly queue: JobQueue,
    private readonly client: JobClient,
  ) {}

  /** Answers the events' ids. The workers are woken after the commit. */
  async raise(tx: Transaction, ...events: EventToRaise[]): Promise<string[]> {
    if (events.length === 0) return [];
    const stamped = events.map(stamp);
    await insertEvents(await sqlOf(tx), stamped);
    await this.queue.enqueueMany(tx, planJobs(stamped));
    return stamped.map(({ id }) => id);
  }

  /** The same on a plain connection, for many events of many organisations at once: two statements in all. */
  async raiseThrough(sql: Sql, events: readonly EventToRaise[]): Promise<void> {
    if (events.length === 0) return;
    const stamped = events.map(stamp);
    await insertEvents(sql, stamped);
    await this.client.enqueue(sql, planJobs(stamped));
    // Debounced, so it leaves after the caller's commit as a rule; where it does not, polling finds the job.
    this.client.wake([notificationsQueue]);
  }
}
