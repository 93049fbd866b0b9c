import { JobClient, type EnqueueRequest, type Sql } from '@carillon/job-engine';
import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { notificationsQueue } from '../../platform/events/index.js';
import { JobQueue } from '../../platform/queue/index.js';

interface Ready {
  id: string;
  organizationId: string;
}

/** Hands deliveries whose time is now to the engine: a job each, so that one that fails neither stops nor repeats another. */
@Injectable()
export class DeliveryQueue {
  constructor(
    private readonly queue: JobQueue,
    private readonly client: JobClient,
  ) {}

  async send(tx: Transaction, ready: readonly Ready[]): Promise<void> {
    if (ready.length > 0) await this.queue.enqueueMany(tx, ready.map(jobOf));
  }

  /** On a plain connection, for many organisations; the caller commits, then calls `wake`. */
  async sendThrough(sql: Sql, ready: readonly Ready[]): Promise<void> {
    if (ready.length > 0) await this.client.enqueue(sql, ready.map(jobOf));
  }

  wake(): void {
    this.client.wake([notificationsQueue]);
  }
}

const jobOf = ({ id, organizationId }: Ready): EnqueueRequest => ({
  organizationId,
  jobType: 'notifications.deliver',
  queue: notificationsQueue,
  payload: { deliveryId: id },
  subject: { type: 'delivery', id },
});
