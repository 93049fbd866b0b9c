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
    const summary = summaryOf(run.result);
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
        ...(summary !== undefined && { summary }),
        ...(failed && { errorCode: run.errorCode, errorMessage: (run.errorMessage ?? '').slice(0, maxErrorLength) }),
        ...(run.subject?.type === 'dataset' && { datasetId: run.subject.id }),
      },
    };
  }

  insert(tx: Sql, rows: EventToRaise[]): Promise<void> {
    return this.events.raiseThrough(tx, rows);
  }
}

/** A result may carry a `summary`, one line that people are told: `orders.csv imported: 50,000 rows`. */
function summaryOf(result: unknown): string | undefined {
  const { summary } = (result ?? {}) as { summary?: unknown };
  return typeof summary === 'string' ? summary.slice(0, 300) : undefined;
}
