import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { Database } from '../platform/database/index.js';
import { SessionStore } from './sessions/session-store.js';
import { ThrottleStore } from './throttling/throttle-store.js';

/** Clears away what has expired. Every process does it: both statements are cheap, and harmless to repeat. */
@Injectable()
export class AccessHousekeeping {
  private readonly log = new Logger(AccessHousekeeping.name);

  constructor(
    private readonly database: Database,
    private readonly sessions: SessionStore,
    private readonly throttle: ThrottleStore,
  ) {}

  @Cron(CronExpression.EVERY_MINUTE)
  pruneCounters(): Promise<void> {
    return this.run('counters', () => this.throttle.prune());
  }

  @Cron(CronExpression.EVERY_HOUR)
  pruneSessions(): Promise<void> {
    return this.run('sessions', () => this.database.withoutOrganization((tx) => this.sessions.prune(tx)));
  }

  private async run(what: string, prune: () => Promise<number>): Promise<void> {
    try {
      const count = await prune();
      if (count > 0) this.log.debug(`cleared away ${count} expired ${what}`);
    } catch (error) {
      this.log.warn(`could not clear away expired ${what}, trying again later: ${(error as Error).message}`);
    }
  }
}
