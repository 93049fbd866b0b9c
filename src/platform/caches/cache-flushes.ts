/** Has caches flushed in every process: asked for in the database, told by a wake-up, noticed by a look every few seconds at the latest. */
import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Loop, Wakeups } from '@carillon/job-engine';
import { Database } from '../database/index.js';
import { Caches } from './caches.js';
import { askForFlush, checkIn, checkOut, flushReports, type ProcessReport, reportFlush } from './process-rows.js';

/** No queue can have this name. */
const flushAsked = '~caches';
const lookEveryMs = 5_000;

@Injectable()
export class CacheFlushes implements OnApplicationBootstrap, BeforeApplicationShutdown {
  /** Of this process, as reports name it. */
  readonly processName = `${os.hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
  private readonly loop: Loop;
  private unsubscribe = () => {};

  constructor(
    private readonly caches: Caches,
    private readonly database: Database,
    private readonly wakeups: Wakeups,
  ) {
    const log = new Logger(CacheFlushes.name);
    const { debug, warn, error } = {
      debug: (message: string) => log.debug(message),
      warn: (message: string) => log.warn(message),
      error: (message: string) => log.error(message),
    };
    this.loop = new Loop({
      name: 'cache flushes',
      run: () => this.flushWhatIsAsked(),
      everyMs: lookEveryMs,
      log: { debug, info: debug, warn, error },
    });
  }

  onApplicationBootstrap(): void {
    this.unsubscribe = this.wakeups.onWake((topics) => {
      if (topics.has(flushAsked)) this.loop.wake();
    });
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.unsubscribe();
    await this.loop.stop();
    await checkOut(this.database.engine, this.processName).catch(() => undefined); // it will be taken for gone all the same
  }

  /** A look now. */
  runOnce(): Promise<void> {
    return this.loop.runOnce();
  }

  /**
   * Asks every process, and waits until all that are there have flushed, at most `waitMs`; those that have not are in the answer as not done.
   * @param names null for all caches
   */
  async flushEverywhere(
    names: readonly string[] | null,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<ProcessReport[]> {
    const number = await askForFlush(this.database.engine, names);
    this.wakeups.wake([flushAsked]);
    for (const until = performance.now() + waitMs; ;) {
      const reports = await flushReports(this.database.engine, number);
      if (performance.now() > until || (reports.length > 0 && reports.every(({ done }) => done))) return reports;
      await delay(50, undefined, { signal });
    }
  }

  private async flushWhatIsAsked(): Promise<void> {
    for (const { number, names } of await checkIn(this.database.engine, this.processName))
      await reportFlush(this.database.engine, this.processName, number, this.caches.flush(names));
  }
}
