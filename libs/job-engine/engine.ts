/** Everything a process that runs jobs needs: the worker, the rescuer, the promoter, the gatekeeper, the fold of statistics. */
import { givenUpAfter } from './deadline.js';
import { Gatekeeper } from './gatekeeper.js';
import { nextDueIn, promoteDue } from './job-store/index.js';
import { Loop } from './loop.js';
import { rescueLostWorkers } from './rescuer.js';
import { foldStatistics } from './statistics/index.js';
import { Upkeep } from './upkeep.js';
import { gatesChanged } from './wakeups.js';
import { Worker, type WorkerOptions } from './worker.js';

const promotedAtOnce = 1_000;
/** Statements of the engine take milliseconds; one that is silent for so long hangs on a connection that died without a word. */
const answerWithinMs = 10_000;
/** Few enough that the statement takes some 100 ms, and a claim or a finish never waits for it. */
const foldedAtOnce = 5_000;

export class JobEngine {
  readonly worker: Worker;
  readonly rescuer: Loop;
  readonly promoter: Loop;
  readonly statistics: Loop;
  readonly gatekeeper: Gatekeeper;
  readonly upkeep: Upkeep;
  private readonly options: WorkerOptions;

  constructor(options: WorkerOptions) {
    const { log, leaseMs, pollMs } = options;
    this.options = { ...options, pool: givenUpAfter(answerWithinMs, options.pool) };
    this.worker = new Worker(this.options);
    this.rescuer = new Loop({ name: 'rescuer', run: () => this.rescue(), everyMs: leaseMs / 3, log });
    this.promoter = new Loop({ name: 'promoter', run: () => this.promote(), everyMs: pollMs, log });
    this.statistics = new Loop({ name: 'statistics', run: () => this.fold(), everyMs: 1_000, log });
    this.gatekeeper = new Gatekeeper(this.options);
    this.upkeep = new Upkeep(this.options);
  }

  async start(): Promise<void> {
    await this.worker.start();
    this.rescuer.start();
    this.promoter.start();
    this.statistics.start();
    this.gatekeeper.start();
    this.upkeep.loop.start();
  }

  /** Safe to repeat; takes at most the grace and a few seconds. */
  async stop(): Promise<void> {
    await Promise.all([
      this.rescuer.stop(),
      this.promoter.stop(),
      this.gatekeeper.stop(),
      this.statistics.stop(),
      this.upkeep.loop.stop(),
    ]);
    await this.worker.stop();
  }

  private async rescue(): Promise<void> {
    const { pool, wakeups, log } = this.options;
    await rescueLostWorkers({ pool, wake: (queues) => wakeups.wake(queues), log, writer: this.worker.writer });
  }

  /** Answers when to look again: when the next job is due, if that is sooner than the poll. */
  private async promote(): Promise<number> {
    const { pool, wakeups, pollMs } = this.options;
    const { count, queues, held } = await promoteDue(pool, promotedAtOnce);
    wakeups.wake(held ? [...queues, gatesChanged] : queues);
    if (count === promotedAtOnce) return 0;
    return Math.min(Math.max(0, (await nextDueIn(pool)) ?? pollMs), pollMs);
  }

  /** Again at once while there is a full batch of deltas. */
  private async fold(): Promise<number | void> {
    if ((await foldStatistics(this.options.pool, foldedAtOnce)) === foldedAtOnce) return 0;
  }
}
