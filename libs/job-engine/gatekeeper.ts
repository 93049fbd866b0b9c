/** The loop that lets held jobs go: when told that something changed, and at each poll in case nobody told. */
import { openGates, sweepGates } from './job-store/index.js';
import { Loop } from './loop.js';
import type { EngineLog, Sql } from './ports.js';
import { gatesChanged, type Wakeups } from './wakeups.js';

export interface GatekeeperOptions {
  pool: Sql;
  wakeups: Wakeups;
  pollMs: number;
  log: EngineLog;
  /** How often what nobody announces is looked for: slots of jobs that were cancelled or paused. */
  sweepMs?: number;
}

const openedAtOnce = 1_000;

export class Gatekeeper {
  readonly gates: Loop;
  readonly sweeper: Loop;
  private unsubscribe = () => {};

  constructor(private readonly options: GatekeeperOptions) {
    const { pool, pollMs, log, sweepMs = 5_000 } = options;
    this.gates = new Loop({ name: 'gates', run: () => this.open(), everyMs: pollMs, log });
    this.sweeper = new Loop({ name: 'gate sweeper', run: () => sweepGates(pool), everyMs: sweepMs, log });
  }

  start(): void {
    this.unsubscribe = this.options.wakeups.onWake((topics) => {
      if (topics.has(gatesChanged)) this.gates.wake();
    });
    this.gates.start();
    this.sweeper.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe();
    await Promise.all([this.gates.stop(), this.sweeper.stop()]);
  }

  /** Whatever may go is gone when it resolves, limits of a minute apart. For tests. */
  async runOnce(): Promise<void> {
    await this.sweeper.runOnce();
    while ((await this.open()) === 0);
  }

  /** Answers when to look again, if not when told. */
  private async open(): Promise<number | void> {
    const { queues, lookAgainMs } = await openGates(this.options.pool, openedAtOnce);
    this.options.wakeups.wake(queues);
    return lookAgainMs === null ? undefined : Math.min(lookAgainMs, this.options.pollMs);
  }
}
