import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { IdempotencyStore } from './idempotency-store.js';

/** Clears away expired keys. Every process does it: what another has deleted costs nothing. */
@Injectable()
export class IdempotencyHousekeeping {
  private readonly log = new Logger('Idempotency');

  constructor(private readonly store: IdempotencyStore) {}

  @Cron(CronExpression.EVERY_HOUR)
  async prune(): Promise<void> {
    try {
      const count = await this.store.prune();
      if (count > 0) this.log.debug(`cleared away ${count} expired keys`);
    } catch (error) {
      this.log.warn(`could not clear away expired keys, trying again later: ${(error as Error).message}`);
    }
  }
}
