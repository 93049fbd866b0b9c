/** What the engine needs of the world, and what the world may ask of the engine. */

/** A connection or pool; pg's `Pool`, `PoolClient` and `Client` fit as they are. */
export interface Sql {
  query<R extends object = Record<string, unknown>>(
    text: string | { name?: string; text: string; values?: unknown[] },
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }>;
}

export interface Backoff {
  /** Milliseconds of the first step. */
  base: number;
  /** Milliseconds that no delay exceeds. */
  cap: number;
}

export interface EnqueueRequest {
  organizationId: string;
  jobType: string;
  /** JSON value, checked against the type's payload class before it comes here. */
  payload?: unknown;
  /** Default: the type's queue, else `default`. */
  queue?: string;
  /** 1 high, 0 normal, -1 low; any smallint. */
  priority?: number;
  runAt?: Date;
  maxRetries?: number;
  backoff?: Backoff;
  timeoutSeconds?: number;
  uniqueKey?: string;
  concurrencyKey?: string;
  tags?: string[];
  subject?: { type: string; id: string };
  createdBy?: string;
  traceParent?: string;
  /** The caller's Idempotency-Key with the SHA-256 (hex) of its body, unique per organisation for 24 hours. */
  idempotency?: { key: string; bodyHash: string };
}

/** `reused`: the idempotency key had already made this job. */
export interface EnqueuedJob {
  id: string;
  queue: string;
  reused: boolean;
}

export type CancelResult = 'cancelled' | 'cancel_requested' | 'not_found' | 'already_ended';
export type RetryResult = 'queued' | 'not_found' | 'not_ended';

/** A run that ended for good, as hooks see it. */
export interface EndedRun {
  jobId: string;
  organizationId: string;
  jobType: string;
  queue: string;
  status: 'completed' | 'failed' | 'cancelled';
  attempt: number;
  errorCode: string | null;
  errorMessage: string | null;
  result: unknown;
  subject: { type: string; id: string } | null;
  createdBy: string | null;
}

/**
 * Tells others of ended jobs inside the finishing transaction: `rowFor` is pure and runs before it; `insert` gets the rows of the
 * results that the fence accepted, and writes them with one statement.
 */
export interface FinishHook<Row = unknown> {
  rowFor(run: EndedRun): Row | null;
  insert(tx: Sql, rows: Row[]): Promise<void>;
}
