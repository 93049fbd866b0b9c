/** What a job type's author sees of the engine. */
import type { Backoff, EnqueuedJob, EnqueueRequest, Sql } from './ports.js';

export interface Job<Payload = unknown, Result = unknown> {
  run(payload: Payload, ctx: JobContext): Promise<Result>;
  /** What the payload's class alone cannot say; asked after it, at enqueue and again before each run. @throws InvalidPayload */
  checkPayload?(payload: Payload): Promise<void>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface JobContext {
  readonly jobId: string;
  readonly organizationId: string;
  readonly jobType: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly createdBy: string | null;
  readonly subject: { type: string; id: string } | null;
  /** W3C trace context of whoever asked for the job. */
  readonly traceParent: string | null;
  /** The database's instant of the claim: decisions about this job take it as now. */
  readonly claimedAt: Date;
  /** Aborted on cancel, timeout, lost lease and shutdown; `signal.reason` says which. */
  readonly signal: AbortSignal;
  /** Grows with every run of the job: what a handler writes carries it, so that a late run can be told from the current one. */
  readonly fencingToken: string;
  /** 0–100, clamped, never falling. Resolves when stored; not awaited, the latest wins. */
  progress(percent: number, message?: string): Promise<void>;
  /** Buffered; stored in order, at most 1,000 lines a job. */
  log(level: LogLevel, text: string, data?: unknown): void;
  heartbeat(): Promise<void>;
  /** Kept as the job's result unless `run` returns one. */
  setResult(value: unknown): void;
  /** What the job turned out to be about; stored with its outcome. */
  setSubject(type: string, id: string): void;
  enqueue(tx: Sql, request: Omit<EnqueueRequest, 'organizationId'>): Promise<EnqueuedJob>;
}

export interface HandlerDefaults {
  /** Its own name: jobs that are asked for by an alias are stored, limited and paused under it. */
  type?: string;
  queue?: string;
  maxRetries?: number;
  timeoutSeconds?: number;
  priority?: number;
  backoff?: Backoff;
  /** Older names that jobs may still carry. */
  aliases?: readonly string[];
  /** Work of the system itself: raises no job.completed and no job.failed. */
  internal?: boolean;
  /** Concerns the whole installation: over HTTP only a SystemAdmin may ask for it. */
  systemOnly?: boolean;
  /** Over all processes; an administrator may overrule them (job_type_controls). */
  limits?: TypeLimits;
}

export interface TypeLimits {
  /** Jobs of the type that run at once. */
  running?: number;
  /** Jobs of the type that start in any 60 seconds. */
  perMinute?: number;
  /** Jobs of one organisation with the same concurrency key that run at once; 1 where nothing is said. */
  runningPerKey?: number;
  perMinutePerKey?: number;
}

export interface RegisteredHandler extends HandlerDefaults {
  type: string;
  /** Answers the checked payload, or throws InvalidPayload. */
  checkPayload(raw: unknown): Promise<unknown>;
  run(payload: unknown, ctx: JobContext): Promise<unknown>;
}

/** The payload does not fit its class: at enqueue a 422, at run a failed job. Pointers are JSON pointers into the payload. */
export class InvalidPayload extends Error {
  constructor(readonly errors: readonly { pointer: string; message: string }[]) {
    super(`The payload is not valid: ${errors.map((e) => `${e.pointer} ${e.message}`).join('; ')}`);
  }
}

/** Ends the job as failed at once: trying again would not help. */
export class DiscardJob extends Error {
  constructor(
    message: string,
    readonly code = 'discarded',
    readonly data?: unknown,
  ) {
    super(message);
  }
}

/** Ends the job as cancelled. */
export class CancelJob extends Error {}

/** Runs the job again after `milliseconds`; burns no attempt. */
export class SnoozeJob extends Error {
  constructor(readonly milliseconds: number) {
    super(`snoozed for ${milliseconds} ms`);
  }
}

/** A failed attempt that is tried again after exactly `milliseconds` instead of the backoff. */
export class RetryAfter extends Error {
  constructor(
    readonly milliseconds: number,
    message = `to be tried again after ${milliseconds} ms`,
  ) {
    super(message);
  }
}
