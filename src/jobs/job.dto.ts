/** What the routes of jobs answer; times are ISO 8601 in UTC. */
import { ApiProperty } from '@nestjs/swagger';
import { type JobState, jobStates } from '@carillon/job-engine';

/** Whatever a handler made of it. */
const anyJson = {
  type: undefined,
  anyOf: [
    { type: 'object', additionalProperties: true },
    { type: 'array', items: {} },
    ...['string', 'number', 'boolean', 'null'].map((type) => ({ type })),
  ],
} as object;

/** What a job is about. */
export class JobSubjectDto {
  /** @example dataset */
  type!: string;
  id!: string;
}

export class JobDto {
  /** UUIDv7: later jobs have greater ids. */
  id!: string;
  organizationId!: string;
  /** @example imports */
  queue!: string;
  /** @example dataset.import */
  jobType!: string;
  /** One that waits for its retry is `queued` with `retryCount` > 0 and `nextRetryAt` set. */
  @ApiProperty({ enum: jobStates })
  status!: JobState;
  /** 1 high, 0 normal, -1 low. */
  priority!: number;
  payload!: Record<string, unknown>;
  /** What its handler returned; null before. */
  @ApiProperty(anyJson)
  result!: unknown;
  errorMessage!: string | null;
  /** @example worker_lost */
  errorCode!: string | null;
  /** 0–100; never falls within an attempt. */
  progress!: number;
  progressMessage!: string | null;
  retryCount!: number;
  /** Retries after the first attempt. */
  maxRetries!: number;
  nextRetryAt!: Date | null;
  /** Not before this instant. */
  runAt!: Date;
  timeoutSeconds!: number | null;
  tags!: string[];
  subject!: JobSubjectDto | null;
  scheduleId!: string | null;
  /** The batch that counts it among its members. */
  batchId!: string | null;
  uniqueKey!: string | null;
  concurrencyKey!: string | null;
  cancelRequestedAt!: Date | null;
  cancelReason!: string | null;
  /** The user or API key that asked for it; null for work of the system. */
  createdBy!: string | null;
  createdAt!: Date;
  /** Of the run that goes on, else of the last attempt. */
  startedAt!: Date | null;
  completedAt!: Date | null;
  /** The process that runs it now. */
  worker!: string | null;
  updatedAt!: Date;
}

export class JobAttemptDto {
  /** 1 for the first. */
  attempt!: number;
  /** The process that ran it. */
  worker!: string | null;
  startedAt!: Date;
  endedAt!: Date;
  @ApiProperty({ enum: ['completed', 'failed', 'timed_out', 'discarded', 'cancelled', 'worker_lost'] })
  outcome!: 'completed' | 'failed' | 'timed_out' | 'discarded' | 'cancelled' | 'worker_lost';
  errorMessage!: string | null;
  errorCode!: string | null;
}

/** One job with the history of its ended attempts, oldest first. */
export class JobWithAttemptsDto extends JobDto {
  attempts!: JobAttemptDto[];
}

export class JobLogEntryDto {
  id!: string;
  attempt!: number;
  @ApiProperty({ enum: ['debug', 'info', 'warn', 'error'] })
  level!: 'debug' | 'info' | 'warn' | 'error';
  message!: string;
  @ApiProperty(anyJson)
  data!: unknown;
  createdAt!: Date;
}

/** One job with its attempts and its log, oldest entry first (at most 1,000 are kept). */
export class JobWithLogDto extends JobWithAttemptsDto {
  log!: JobLogEntryDto[];
}

export class JobPageDto {
  jobs!: JobDto[];
  /** Exact to 10,000, where nothing says otherwise. */
  total!: number;
  /** There are so many or more: over 10,000, or not all jobs were looked at. */
  totalIsEstimate?: true;
  /** Pass it as `cursor` for the page that follows; null on the last. */
  nextCursor!: string | null;
  /**
   * The filters have no index and match little: among the 20,000 jobs looked at (10,000 for `q` and `payload`), which go up to this
   * instant of creation, there were fewer than `limit`. `nextCursor` looks further.
   */
  searchedTo?: Date;
}

export class ActiveJobsDto {
  jobs!: JobDto[];
}

export class JobLogPageDto {
  entries!: JobLogEntryDto[];
  total!: number;
}
