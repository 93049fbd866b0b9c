/** What enqueueing and finishing may refuse, each recognisable by its class. */

/** The key was used within 24 hours for another body. */
export class IdempotencyClash extends Error {
  constructor(
    readonly key: string,
    readonly jobId: string,
  ) {
    super(
      `the idempotency key "${key}" has already made job ${jobId} from another body; use a new key for a new request`,
    );
  }
}

/** Another job of the type holds the unique key, so this one cannot be queued again. */
export class UniqueKeyHeld extends Error {
  constructor(readonly jobId: string) {
    super(`job ${jobId} cannot run again while another job of its type holds its unique key`);
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
