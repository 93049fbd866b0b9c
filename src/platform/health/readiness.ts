import { Inject, Injectable, type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import { connectionOptions, DATABASE_ADDRESS, pendingMigrations } from '../database/index.js';

/** Why no requests should come here now; undefined when they should. */
export type Obstacle = 'draining' | 'database_unreachable' | 'migrations_pending';

const patienceMs = 2_000;

/**
 * Whether this process can serve. It asks over a connection of its own: the request pool may be full of slow
 * requests, and taking the process out of rotation for that would only push its load on to the next.
 */
@Injectable()
export class Readiness implements OnModuleDestroy, OnApplicationShutdown {
  private draining = false;
  private asking: Promise<Obstacle | undefined> | undefined;
  private readonly pool: pg.Pool;

  constructor(@Inject(DATABASE_ADDRESS) address: DatabaseAddress) {
    this.pool = new pg.Pool({
      ...connectionOptions(address, 'carillon_engine'),
      max: 1,
      connectionTimeoutMillis: patienceMs,
      query_timeout: patienceMs,
    });
    this.pool.on('error', () => undefined); // the next question finds out
  }

  /** The first step of a shutdown: load balancers look elsewhere while the loops finish their work. */
  onModuleDestroy(): void {
    this.draining = true;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /** However many ask at once, the database is asked once. */
  async obstacle(): Promise<Obstacle | undefined> {
    if (this.draining) return 'draining';
    this.asking ??= this.askDatabase().finally(() => (this.asking = undefined));
    return this.asking;
  }

  private async askDatabase(): Promise<Obstacle | undefined> {
    try {
      return (await pendingMigrations(this.pool)).length > 0 ? 'migrations_pending' : undefined;
    } catch {
      return 'database_unreachable';
    }
  }
}
