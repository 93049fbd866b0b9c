import { createHash } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { ThrottlerStorageService, type ThrottlerStorage } from '@nestjs/throttler';
import pg from 'pg';
import { CLOCK, type Clock } from '../../platform/clock/clock.js';
import { connectionOptions, DATABASE_ADDRESS } from '../../platform/database/index.js';
import type { DatabaseAddress } from '../../platform/config/index.js';

/** As @nestjs/throttler's storage contract has it: times in seconds. */
export interface Count {
  totalHits: number;
  timeToExpire: number;
  isBlocked: boolean;
  timeToBlockExpire: number;
}

/** One statement a hit. A count stops at one above its limit, so a flood does not rewrite a row that already says no. */
const countHit = `
  insert into throttle_counters as c (key, hits, expires_at) values ($1, 1, carillon_now() + make_interval(secs => $2))
  on conflict (key) do update set
    hits = case when c.expires_at <= carillon_now() then 1 else least(c.hits + 1, $3) end,
    expires_at = case when c.expires_at <= carillon_now() then excluded.expires_at else c.expires_at end
  returning hits, extract(epoch from expires_at - carillon_now())::float8 as "secondsLeft"`;

/** After a failure the database is left alone for so long. */
const restMs = 5_000;

/**
 * Counts in PostgreSQL, so that all processes share them: fixed windows from the first hit.
 *
 * It has a small pool of its own, for a limit must hold just when the others are exhausted. Where the database does not answer
 * within three seconds, this process counts by itself until it does: the door is neither open (each process still holds the limit)
 * nor shut by an error that has nothing to do with the request.
 */
@Injectable()
export class ThrottleStore implements ThrottlerStorage, OnApplicationShutdown {
  private readonly log = new Logger(ThrottleStore.name);
  private readonly pool: pg.Pool;
  private readonly own = new ThrottlerStorageService();
  private restUntil = 0;

  constructor(
    @Inject(DATABASE_ADDRESS) address: DatabaseAddress,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const patience = { connectionTimeoutMillis: 3_000, query_timeout: 3_000 };
    this.pool = new pg.Pool({ ...connectionOptions(address, 'carillon_app'), ...patience, max: 3 });
    this.pool.on('error', (error) => this.log.warn(`connection lost: ${error.message}`));
  }

  async increment(key: string, ttl: number, limit: number, blockDuration: number, name: string): Promise<Count> {
    if (this.clock.now() < this.restUntil) return this.own.increment(key, ttl, limit, blockDuration, name);
    try {
      const values = [digest(key), ttl / 1_000, limit + 1];
      const { rows } = await this.pool.query<{ hits: number; secondsLeft: number }>(countHit, values);
      const { hits, secondsLeft } = rows[0]!;
      const seconds = Math.max(1, Math.ceil(secondsLeft));
      return { totalHits: hits, timeToExpire: seconds, isBlocked: hits > limit, timeToBlockExpire: seconds };
    } catch (error) {
      this.restUntil = this.clock.now() + restMs;
      this.log.warn(`counting requests in this process only, the database did not answer: ${(error as Error).message}`);
      return this.own.increment(key, ttl, limit, blockDuration, name);
    }
  }

  /** Deletes counters whose minute is over. Answers how many. */
  async prune(): Promise<number> {
    const { rowCount } = await this.pool.query(`delete from throttle_counters where expires_at < carillon_now()`);
    return rowCount ?? 0;
  }

  async onApplicationShutdown(): Promise<void> {
    this.own.onApplicationShutdown();
    await this.pool.end();
  }
}

/** Narrow, and no email or address is kept: 16 bytes of SHA-256. */
const digest = (key: string) => createHash('sha256').update(key).digest().subarray(0, 16);
