import type { EndedRun, FinishHook, Sql } from '@carillon/job-engine';
import { JobFinishHook } from '@carillon/nest-jobs';
import { Events, type EventToRaise } from '../platform/events/index.js';

/** Longer texts are cut: an event is told to people; the whole error stands with the job. */
const maxErrorLength = 2_000;

/** Tells of every job that completed or failed for good, in the transaction that ends it. Who cancelled a job knows that it ended. */
@JobFinishHook()
export class OutcomeEvents implements FinishHook<EventToRaise> {
  constructor(private readonly events: Events) {}

  rowFor(run: EndedRun): EventToRaise | null {
    if (run.status === 'cancelled') return null;
    const failed = run.status === 'failed';
    return {
      organizationId: run.organizationId,
      type: failed ? 'job.failed' : 'job.completed',
      severity: failed ? 'warning' : 'info',
      userId: run.createdBy,
      ...(run.subject && { subject: run.subject }),
      data: {
        jobId: run.jobId,
        jobType: run.jobType,
        status: run.status,
        attempts: run.attempt,
        ...(failed && { errorCode: run.errorCode, errorMessage: (run.errorMessage ?? '').slice(0, maxErrorLength) }),
        ...(run.subject?.type === 'dataset' && { datasetId: run.subject.id }),
        ...figuresOf(run.result),
      },
    };
  }

  insert(tx: Sql, rows: EventToRaise[]): Promise<void> {
    return this.events.raiseThrough(tx, rows);
  }
}

/** What of a result is told to people: figures and ids that any job type may answer with, and nothing of unknown size. */
function figuresOf(result: unknown): Record<string, unknown> {
  if (typeof result !== 'object' || result === null) return {};
  const { rows, badRows, duplicateOf } = result as Record<string, unknown>;
  return {
    ...(typeof rows === 'number' && { rows }),
    ...(typeof badRows === 'number' && { badRows }),
    ...(typeof duplicateOf === 'string' && duplicateOf.length <= 100 && { duplicateOf }),
  };
}
