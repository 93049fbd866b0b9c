import { Loop } from '@carillon/job-engine';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database } from '../../platform/database/index.js';
import { PROCESS_ROLES, type ProcessRoles } from '../../platform/platform.module.js';
import { DeliveryQueue } from './delivery-queue.js';
import { releaseDue } from './delivery.repository.js';

const releasedAtOnce = 500;

/** Wakes what was held once its time has come: it is planned again by its job, never blindly sent. Runs in every worker; each takes its own. */
@Injectable()
export class HeldSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(
    private readonly database: Database,
    private readonly queue: DeliveryQueue,
    @Inject(PROCESS_ROLES) private readonly roles: ProcessRoles,
    @Inject(CONFIG) config: Config,
  ) {
    const logger = new Logger('HeldSweep');
    const log = {
      debug: (text: string) => logger.debug(text),
      info: (text: string) => logger.log(text),
      warn: (text: string) => logger.warn(text),
      error: (text: string) => logger.error(text),
    };
    this.loop = new Loop({ name: 'held deliveries', run: () => this.sweep(), everyMs: config.worker.pollMs, log });
  }

  onApplicationBootstrap(): void {
    if (this.roles.worker) this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** One round, at once. */
  runOnce(): Promise<void> {
    return this.loop.runOnce();
  }

  /** Out of the hold and into the queue in one transaction: nothing held is lost between the two. Answers when to look again. */
  private async sweep(): Promise<number | void> {
    const client = await this.database.engine.connect();
    let released: number;
    try {
      await client.query('begin');
      const due = await releaseDue(client, releasedAtOnce);
      await this.queue.sendThrough(client, due);
      await client.query('commit');
      released = due.length;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
    if (released > 0) this.queue.wake();
    return released === releasedAtOnce ? 0 : undefined;
  }
}
