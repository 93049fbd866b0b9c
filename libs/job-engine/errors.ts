/** What enqueueing and finishing may refuse, each recognisable by its class. */

/** One of the requests of a call cannot be enqueued. */
export abstract class RequestRefused extends Error {
  /** Its index in the call. */
  request = 0;
}

/** The key was used within 24 hours for another body. */
export class IdempotencyClash extends RequestRefused {
  constructor(
    readonly key: string,
    readonly jobId: string,
  ) {
    super(
      `the idempotency key "${key}" has already made job ${jobId} from another body; use a new key for a new request`,
    );
  }
}

/** Another job of the type holds the unique key. */
export class UniqueKeyHeld extends RequestRefused {
  /** @param jobId at an enqueue the job that holds the key; at a retry by hand the one that cannot run again */
  constructor(
    readonly jobId: string,
    message = `job ${jobId} cannot run again while another job of its type holds its unique key`,
  ) {
    super(message);
  }
}

/** An id in `after` is no job of the organisation. */
export class UnknownParent extends RequestRefused {
  constructor(
    readonly parentId: string,
    /** Its index in `after`. */
    readonly index: number,
  ) {
    super(`after[${index}]: the organisation has no job ${parentId}; a job can only wait for jobs that exist`);
  }
}

/** The batch takes no more jobs, or there is none. */
export class BatchNotOpen extends RequestRefused {
  constructor(
    readonly batchId: string,
    readonly why: 'unknown' | 'finished',
  ) {
    super(
      why === 'finished'
        ? `batch ${batchId} has finished and takes no more jobs; create another one`
        : `the organisation has no batch ${batchId}`,
    );
  }
}

/** The queue's name is not one: lower-case letters, digits, dot, dash and underscore, at most 63. */
export class InvalidQueueName extends Error {
  constructor(readonly queue: string) {
    super(
      `"${queue}" is no queue name: it takes 1 to 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit`,
    );
  }
}

/** The database no longer knows the worker's lease, or the run's claim: whatever it does now counts for nothing. */
export class LeaseLost extends Error {
  constructor(what: string) {
    super(`${what} is no longer ours: its lease ran out and others have taken over`);
  }
}

/** SQLSTATE of an error that came from PostgreSQL; undefined for one that did not get an answer. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
