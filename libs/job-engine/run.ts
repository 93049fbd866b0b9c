/** One run of one job: its handler, its signal and its time limit. */
import { CancelJob, DiscardJob, InvalidPayload, type RegisteredHandler, RetryAfter, SnoozeJob } from './handler.js';
import type { RunResult } from './job-state.js';
import type { ClaimedJob } from './job-store/index.js';
import { RunContext, type RunServices } from './run-context.js';
import { describeError, limits, storable } from './stored-text.js';

export type StopKind = 'cancel' | 'timeout' | 'lease_lost' | 'shutdown';

/** The reason of `ctx.signal`. */
export class RunStopped extends Error {
  constructor(
    readonly kind: StopKind,
    message: string,
  ) {
    super(message);
    this.name = 'RunStopped';
  }
}

/** setTimeout takes no more than 2³¹ − 1 ms. */
const longestTimer = 2_147_483_647;

export class Run {
  readonly context: RunContext;
  /** Settles when the handler itself has ended, however long after it was left behind. */
  handled: Promise<unknown> = Promise.resolve();
  wasLeftBehind = false;
  private readonly stopper = new AbortController();
  private leaveBehind: (result: RunResult) => void = () => {};
  private timers: NodeJS.Timeout[] = [];

  /**
   * @param startedAt in the database's time
   * @param abandonAfterMs how long the handler may go on after its signal fired before it is left behind
   */
  constructor(
    readonly job: ClaimedJob,
    readonly startedAt: Date,
    private readonly handler: RegisteredHandler,
    services: RunServices,
    private readonly abandonAfterMs: number,
  ) {
    this.context = new RunContext(job, this.stopper.signal, services);
  }

  get stopped(): StopKind | undefined {
    return this.stopper.signal.aborted ? (this.stopper.signal.reason as RunStopped).kind : undefined;
  }

  /** Runs the handler to its end, or until it is left behind. Never rejects. */
  async execute(): Promise<RunResult> {
    const { timeoutSeconds } = this.job;
    if (timeoutSeconds !== null) {
      const timeout = () => this.stop('timeout', `the run took longer than its ${timeoutSeconds} s`);
      this.timers.push(setTimeout(timeout, Math.min(timeoutSeconds * 1_000, longestTimer)));
    }
    const handled = this.handle();
    this.handled = handled;
    const leftBehind = new Promise<RunResult>((resolve) => {
      this.leaveBehind = resolve;
    });
    const result = await Promise.race([handled, leftBehind]);
    for (const timer of this.timers) clearTimeout(timer);
    await this.context.close();
    return result;
  }

  /** Fires the signal; the first reason stands. A handler that goes on regardless is left behind after `waitMs`. */
  stop(kind: StopKind, message: string, waitMs = this.abandonAfterMs): void {
    if (this.stopped) return;
    this.stopper.abort(new RunStopped(kind, message));
    const leave = () => {
      this.wasLeftBehind = true;
      this.leaveBehind(this.resultOfStop());
    };
    this.timers.push(setTimeout(leave, kind === 'lease_lost' ? 0 : waitMs));
  }

  private async handle(): Promise<RunResult> {
    try {
      const payload = await this.checkedPayload();
      return { kind: 'returned', value: await this.handler.run(payload, this.context) };
    } catch (error) {
      return this.resultOfThrown(error);
    }
  }

  /** An undecodable payload fails its job, never the worker. */
  private async checkedPayload(): Promise<unknown> {
    try {
      return await this.handler.checkPayload(this.job.payload);
    } catch (error) {
      if (error instanceof InvalidPayload) throw new DiscardJob(error.message, 'invalid_payload', error.errors);
      throw error;
    }
  }

  private resultOfThrown(error: unknown): RunResult {
    if (error instanceof SnoozeJob) return { kind: 'snoozed', delay: sensibleDelay(error.milliseconds) };
    if (error instanceof CancelJob)
      return { kind: 'cancelled', message: storable(error.message, limits.message) || null };
    if (error instanceof DiscardJob)
      return { kind: 'discarded', ...describeError(error), data: error.data ?? this.context.givenResult };
    if (error instanceof RetryAfter)
      return {
        kind: 'retry_after',
        ...describeError(error),
        code: 'retry_after',
        delay: sensibleDelay(error.milliseconds),
      };
    return this.stopped ? this.resultOfStop() : { kind: 'threw', ...describeError(error) };
  }

  private resultOfStop(): RunResult {
    const { kind, message } = this.stopper.signal.reason as RunStopped;
    if (kind === 'timeout') return { kind: 'timed_out', code: 'timed_out', message };
    return kind === 'cancel' ? { kind: 'cancelled', message } : { kind: 'released', delay: 0 };
  }
}

const tenYears = 315_360_000_000;
const sensibleDelay = (milliseconds: number) =>
  Number.isNaN(milliseconds) ? 0 : Math.min(tenYears, Math.max(0, milliseconds));
