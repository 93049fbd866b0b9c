import type { BackgroundJob } from './background-job.entity.js';
import type { JobAttempt } from './job-attempt.entity.js';
import type { JobLogEntry } from './job-log-entry.entity.js';
import type { JobAttemptDto, JobDto, JobLogEntryDto, JobWithAttemptsDto } from './job.dto.js';
import type { OwnJobDto } from './own-job.dto.js';

export function jobOf({ subjectType, subjectId, ...job }: BackgroundJob): JobDto {
  return { ...job, subject: subjectType && subjectId ? { type: subjectType, id: subjectId } : null };
}

/** A person's view of its own job: whether it waits or runs is the engine's affair, and so is which process runs it. */
export function ownJobOf(of: JobDto & Partial<JobWithAttemptsDto>): OwnJobDto {
  const { worker: _worker, attempts: _attempts, status, ...job } = of;
  return {
    ...job,
    status: status === 'queued' || status === 'processing' ? 'running' : status,
    ...(job.subject?.type === 'dataset' && { relatedDatasetId: job.subject.id }),
  };
}

export const attemptOf = (attempt: JobAttempt): JobAttemptDto => ({
  attempt: attempt.number,
  worker: attempt.worker,
  startedAt: attempt.startedAt,
  endedAt: attempt.endedAt,
  outcome: attempt.outcome,
  errorCode: attempt.errorCode,
  errorMessage: attempt.errorMessage,
});

export const logEntryOf = ({ id, attempt, level, message, data, createdAt }: JobLogEntry): JobLogEntryDto => ({
  id,
  attempt,
  level,
  message,
  data,
  createdAt,
});
