/** What a handler works with while it runs, and what it has said so far. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JobContext, LogLevel } from './handler.js';
import { type JobClient, topicOf } from './job-client.js';
import { type ClaimedJob, maxLogLines } from './job-store/index.js';
import type { EnqueuedJob, EnqueueRequest, Sql } from './ports.js';
import { nextProgress } from './progress.js';
import { limits, storable, storableJson } from './stored-text.js';
import type { TraceWriter } from './trace-writer.js';

export interface RunServices {
  client: JobClient;
  traces: TraceWriter;
}

export class RunContext implements JobContext {
  readonly jobId: string;
  readonly organizationId: string;
  readonly jobType: string;
  readonly attempt: number;
  readonly createdBy: string | null;
  readonly traceParent: string | null;
  readonly claimedAt: Date;
  readonly fencingToken: string;
  percent = 0;
  message: string | null = null;
  reported = false;
  givenResult: unknown;
  givenSubject: { type: string; id: string } | null = null;
  private lines = 0;
  private lastStored: Promise<unknown> | undefined;
  private enqueuedIn: Set<string> | undefined;

  constructor(
    private readonly job: ClaimedJob,
    private readonly run: { readonly signal: AbortSignal },
    private readonly services: RunServices,
  ) {
    this.jobId = job.id;
    this.organizationId = job.organizationId;
    this.jobType = job.jobType;
    this.attempt = job.attemptCount + 1;
    this.createdBy = job.createdBy;
    this.traceParent = job.traceParent;
    this.claimedAt = job.claimedAt;
    this.fencingToken = String(job.run + 1);
  }

  get signal(): AbortSignal {
    return this.run.signal;
  }

  get subject(): { type: string; id: string } | null {
    if (this.givenSubject) return this.givenSubject;
    const { subjectType: type, subjectId: id } = this.job;
    return type !== null && id !== null ? { type, id } : null;
  }

  progress(percent: number, message?: string): Promise<void> {
    this.percent = nextProgress(this.percent, percent);
    if (message !== undefined) this.message = storable(message, limits.progressMessage);
    this.reported = true;
    const report = { id: this.job.id, run: this.job.run, percent: this.percent, message: this.message };
    return this.remember(this.services.traces.report(report));
  }

  log(level: LogLevel, text: string, data?: unknown): void {
    if (++this.lines > maxLogLines) return;
    const line = { id: this.job.id, attempt: this.attempt, level, message: storable(text, limits.logText) };
    void this.remember(this.services.traces.append({ ...line, data: logData(data) }));
  }

  /** The lease is the worker's and renews itself; this lets it breathe in a long calculation, and ends a run that is to stop. */
  async heartbeat(): Promise<void> {
    await nextTurn();
    this.signal.throwIfAborted();
  }

  setResult(value: unknown): void {
    this.givenResult = value;
  }

  setSubject(type: string, id: string): void {
    this.givenSubject = { type, id };
  }

  async enqueue(tx: Sql, request: Omit<EnqueueRequest, 'organizationId'>): Promise<EnqueuedJob> {
    const [job] = await this.services.client.enqueue(tx, [{ ...request, organizationId: this.organizationId }]);
    this.enqueuedIn ??= new Set();
    this.enqueuedIn.add(topicOf(job!));
    return job!;
  }

  /** Whether there is anything to close. */
  get hasSpoken(): boolean {
    return this.lastStored !== undefined || this.enqueuedIn !== undefined;
  }

  /** Once the handler has ended: its last words are stored before its end is, and what it enqueued is surely committed. */
  async close(): Promise<void> {
    if (this.enqueuedIn) this.services.client.wake(this.enqueuedIn);
    await this.lastStored?.catch(() => undefined);
  }

  /** Everything goes through the same writers in order, so the last one is the last stored. Not awaited, it must not crash the process. */
  private remember(stored: Promise<void>): Promise<void> {
    stored.catch(() => undefined);
    this.lastStored = this.lastStored ? Promise.allSettled([this.lastStored, stored]) : stored;
    return stored;
  }
}

function logData(data: unknown): string | null {
  try {
    return storableJson(data, limits.logData);
  } catch (error) {
    return JSON.stringify({ notStored: (error as Error).message });
  }
}
