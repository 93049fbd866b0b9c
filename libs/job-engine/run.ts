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
  /** Made when somebody asks for the signal: few handlers do, and it is the dearest part of a short run. */
  private stopper: AbortController | undefined;
  private reason: RunStopped | undefined;
  private end: (result: RunResult) => void = () => {};
  private timeLimit: NodeJS.Timeout | undefined;
  private leaving: NodeJS.Timeout | undefined;

  /**
   * @param startedAt in the database's time
   * @param abandonAfterMs how long the handler may go on after its signal fired before it is left behind
   */
  constructor(
    public job: ClaimedJob,
    readonly startedAt: Date,
    private readonly handler: RegisteredHandler,
    services: RunServices,
    private readonly abandonAfterMs: number,
  ) {
    this.context = new RunContext(job, this, services);
  }

  get stopped(): StopKind | undefined {
    return this.reason?.kind;
  }

  get signal(): AbortSignal {
    if (!this.stopper) {
      this.stopper = new AbortController();
      if (this.reason) this.stopper.abort(this.reason);
    }
    return this.stopper.signal;
  }

  /** Runs the handler to its end, or until it is left behind. Never rejects. */
  async execute(): Promise<RunResult> {
    const { timeoutSeconds } = this.job;
    if (timeoutSeconds !== null) {
      const timeout = () => this.stop('timeout', `the run took longer than its ${timeoutSeconds} s`);
      this.timeLimit = setTimeout(timeout, Math.min(timeoutSeconds * 1_000, longestTimer));
    }
    const ended = new Promise<RunResult>((resolve) => {
      this.end = resolve;
    });
    this.handled = this.handle().then(this.end);
    const result = await ended;
    clearTimeout(this.timeLimit);
    clearTimeout(this.leaving);
    if (this.context.hasSpoken) await this.context.close();
    return result;
  }

  /** Fires the signal; the first reason stands. A handler that goes on regardless is left behind after `waitMs`. */
  stop(kind: StopKind, message: string, waitMs = this.abandonAfterMs): void {
    if (this.stopped) return;
    this.reason = new RunStopped(kind, message);
    this.stopper?.abort(this.reason);
    const leave = () => {
      this.wasLeftBehind = true;
      this.end(this.resultOfStop(this.reason!));
    };
    this.leaving = setTimeout(leave, kind === 'lease_lost' ? 0 : waitMs);
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
    return this.reason ? this.resultOfStop(this.reason) : { kind: 'threw', ...describeError(error) };
  }

  private resultOfStop({ kind, message }: RunStopped): RunResult {
    if (kind === 'timeout') return { kind: 'timed_out', code: 'timed_out', message };
    return kind === 'cancel' ? { kind: 'cancelled', message } : { kind: 'released', delay: 0 };
  }
}

const tenYears = 315_360_000_000;
const sensibleDelay = (milliseconds: number) =>
  Number.isNaN(milliseconds) ? 0 : Math.min(tenYears, Math.max(0, milliseconds));
