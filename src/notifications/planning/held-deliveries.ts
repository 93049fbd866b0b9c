import { Injectable } from '@nestjs/common';
import { type Transaction } from '../../platform/database/index.js';
import { notificationsQueue } from '../../platform/events/index.js';
import { JobQueue } from '../../platform/queue/index.js';
import { DeliveryRepository } from '../deliveries/delivery.repository.js';

/** Sees to it that what is held is decided anew when what it was decided by has changed. */
@Injectable()
export class HeldDeliveries {
  constructor(
    private readonly deliveries: DeliveryRepository,
    private readonly queue: JobQueue,
  ) {}

  /** In the transaction of the change, after it: whatever is held by older settings is seen by then. */
  async planAgain(tx: Transaction, organizationId: string): Promise<void> {
    if (!(await this.deliveries.hasHeld(tx, organizationId))) return;
    await this.queue.enqueue(tx, {
      organizationId,
      jobType: 'notifications.replan',
      queue: notificationsQueue,
      payload: {},
    });
  }
}
