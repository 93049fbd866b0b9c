/** The states of a job, what may happen to it, and what the end of a run makes of it. docs/job-states.md shows the same as a diagram. */
import { type Backoff, type Milliseconds, nextRetryDelay } from './retry-policy.js';

export const jobStates = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];
export type EndState = Extract<JobState, 'completed' | 'failed' | 'cancelled'>;

export const jobEvents = [
  'claim',
  'complete',
  'fail',
  'discard',
  'retry',
  'snooze',
  'release',
  'lose_worker',
  'cancel',
  'retry_by_hand',
] as const;
export type JobEvent = (typeof jobEvents)[number];

/** Where each event may lead; a pair that is not here cannot happen, and the statements refuse it. */
export const transitions: Record<JobState, Partial<Record<JobEvent, readonly JobState[]>>> = {
  queued: { claim: ['processing'], cancel: ['cancelled'] },
  processing: {
    complete: ['completed'],
    fail: ['failed'],
    discard: ['failed'],
    retry: ['queued'],
    snooze: ['queued'],
    release: ['queued'],
    lose_worker: ['queued', 'failed', 'cancelled'],
    cancel: ['cancelled'],
  },
  completed: { retry_by_hand: ['queued'] },
  failed: { retry_by_hand: ['queued'] },
  cancelled: { retry_by_hand: ['queued'] },
};

export function mayHappen(from: JobState, event: JobEvent, to: JobState): boolean {
  return transitions[from][event]?.includes(to) ?? false;
}

export const hasEnded = (state: JobState): state is EndState => transitions[state].retry_by_hand !== undefined;

export interface Failure {
  code: string;
  message: string;
  stack?: string;
}

/** One that may be tried again; `retry_after` names its own delay. */
export type FailedAttempt =
  ({ kind: 'threw' | 'timed_out' } & Failure) | ({ kind: 'retry_after'; delay: Milliseconds } & Failure);

/** How a run ended, before anybody has decided what that means for the job. */
export type RunResult =
  | { kind: 'returned'; value: unknown }
  | FailedAttempt
  /** `data` says more than the message, and becomes the failed job's result. */
  | ({ kind: 'discarded'; data?: unknown } & Failure)
  | { kind: 'snoozed'; delay: Milliseconds }
  | { kind: 'cancelled'; message: string | null }
  /** Given back unharmed: shutdown, unknown type, claimed in vain. */
  | { kind: 'released'; delay: Milliseconds }
  | { kind: 'worker_lost' };

/** What a decision needs to know of the job. */
export interface JobAtEnd {
  retryCount: number;
  maxRetries: number;
  workerLostCount: number;
  backoff: Backoff | null;
  cancelRequested: boolean;
}

/** Names of job_attempts.outcome, and the two ends that are no attempt. */
export type RunOutcome =
  'completed' | 'failed' | 'timed_out' | 'discarded' | 'cancelled' | 'worker_lost' | 'snoozed' | 'released';

export interface Decision {
  event: JobEvent;
  status: 'queued' | EndState;
  outcome: RunOutcome;
  /** Whether the run becomes a row of the attempts. */
  counts: boolean;
  retryCount: number;
  workerLostCount: number;
  /** When a queued job runs again; null: at once. */
  dueAt: Date | null;
  result: unknown;
  errorCode: string | null;
  errorMessage: string | null;
  errorStack: string | null;
}

/** After so many lost workers the job itself is suspected, and fails. */
export const maxWorkerLosses = 5;

/** What becomes of a job whose run ended like this. `now` is the database's. */
export function decideOutcome(job: JobAtEnd, result: RunResult, now: Date, random: () => number): Decision {
  switch (result.kind) {
    case 'returned':
      return ended(job, 'complete', 'completed', 'completed', { result: result.value });
    case 'discarded':
      return ended(job, 'discard', 'failed', 'discarded', { ...errorOf(result), result: result.data ?? null });
    case 'cancelled':
      return ended(job, 'cancel', 'cancelled', 'cancelled', { errorMessage: result.message });
    case 'snoozed':
      return queued(job, 'snooze', 'snoozed', { dueAt: after(now, result.delay) });
    case 'released':
      return queued(job, 'release', 'released', { dueAt: result.delay > 0 ? after(now, result.delay) : null });
    case 'worker_lost':
      return workerLost(job);
    default:
      return failedAttempt(job, result, now, random);
  }
}

function failedAttempt(job: JobAtEnd, result: FailedAttempt, now: Date, random: () => number): Decision {
  const outcome = result.kind === 'timed_out' ? 'timed_out' : 'failed';
  if (job.cancelRequested)
    return ended(job, 'cancel', 'cancelled', 'cancelled', { errorMessage: errorOf(result).errorMessage });
  if (job.retryCount >= job.maxRetries) return ended(job, 'fail', 'failed', outcome, errorOf(result));
  const delay =
    result.kind === 'retry_after' ? result.delay : nextRetryDelay(job.retryCount, job.backoff ?? undefined, random);
  return queued(job, 'retry', outcome, {
    ...errorOf(result),
    counts: true,
    retryCount: job.retryCount + 1,
    dueAt: after(now, delay),
  });
}

function workerLost(job: JobAtEnd): Decision {
  const workerLostCount = job.workerLostCount + 1;
  const error = { errorCode: 'worker_lost', workerLostCount };
  if (job.cancelRequested) return ended(job, 'lose_worker', 'cancelled', 'worker_lost', error);
  const message = `the worker that ran it was lost (${workerLostCount} of at most ${maxWorkerLosses} times)`;
  if (workerLostCount >= maxWorkerLosses)
    return ended(job, 'lose_worker', 'failed', 'worker_lost', { ...error, errorMessage: message });
  return queued(job, 'lose_worker', 'worker_lost', { ...error, errorMessage: message, counts: true });
}

const after = (now: Date, delay: Milliseconds) => new Date(now.getTime() + delay);

const errorOf = (result: Failure) => ({
  errorCode: result.code,
  errorMessage: result.message,
  errorStack: result.stack ?? null,
});

function ended(
  job: JobAtEnd,
  event: JobEvent,
  status: EndState,
  outcome: RunOutcome,
  more: Partial<Decision>,
): Decision {
  return {
    event,
    status,
    outcome,
    counts: true,
    // by name and always in this order: decisions of one shape, as many as jobs, cost half of what spreading costs
    retryCount: job.retryCount,
    workerLostCount: more.workerLostCount ?? job.workerLostCount,
    dueAt: null,
    result: more.result ?? null,
    errorCode: more.errorCode ?? null,
    errorMessage: more.errorMessage ?? null,
    errorStack: more.errorStack ?? null,
  };
}

function queued(job: JobAtEnd, event: JobEvent, outcome: RunOutcome, more: Partial<Decision>): Decision {
  return {
    event,
    status: 'queued',
    outcome,
    counts: false,
    retryCount: job.retryCount,
    workerLostCount: job.workerLostCount,
    dueAt: null,
    result: null,
    errorCode: null,
    errorMessage: null,
    errorStack: null,
    ...more,
  };
}
