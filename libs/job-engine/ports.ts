/** What the engine needs of the world, and what the world may ask of the engine. */
import type { Backoff } from './retry-policy.js';

export interface SqlStatement {
  /** Prepared once a connection under this name. */
  name?: string;
  text: string;
  values?: unknown[] | undefined;
  /** Milliseconds without an answer after which it is given up, and its connection closed. */
  query_timeout?: number;
}

/** A connection or pool; pg's `Pool`, `PoolClient` and `Client` fit as they are. */
export interface Sql {
  query<R extends object = Record<string, unknown>>(
    text: string | SqlStatement,
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }>;
}

/** Where single statements and short transactions run; pg's `Pool` fits as it is. */
export interface SqlPool extends Sql {
  connect(): Promise<
    Sql & {
      release(broken?: Error | boolean): void;
      on(event: 'error', listener: (error: Error) => void): unknown;
      off(event: 'error', listener: (error: Error) => void): unknown;
    }
  >;
}

/** The connection that listens; pg's `Client` fits as it is. */
export interface ListenConnection extends Sql {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

/** Where the engine tells what it cannot answer to anybody: lost leases, broken connections, rejected results. */
export interface EngineLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string, error?: unknown): void;
}

export type { Backoff };

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
  /** At most one job of its type in the organisation holds this key, from its creation to its end. */
  uniqueKey?: string;
  /** Keeps the key for at least so long after the creation, even when the job has ended sooner. */
  uniqueForSeconds?: number;
  /**
   * What happens when another job holds the unique key. `existing` (default): its id is the answer. `replace`: it takes this request's
   * payload, priority, time and the rest over, if it waits; UniqueKeyHeld if it runs. `reject`: UniqueKeyHeld.
   */
  onClash?: UniqueKeyClash;
  /** Of the jobs with this key in the organisation only so many run at once as the type says (`limits.runningPerKey`), one by default. */
  concurrencyKey?: string;
  /** Ids of jobs of the organisation, 1–100: runs once all of them have completed. */
  after?: string[];
  /** The batch to which the job belongs; see JobClient.createBatch. */
  batchId?: string;
  tags?: string[];
  subject?: { type: string; id: string };
  createdBy?: string;
  traceParent?: string;
  /** The caller's Idempotency-Key with the SHA-256 (hex) of its body, unique per organisation for 24 hours. */
  idempotency?: { key: string; bodyHash: string };
}

export type UniqueKeyClash = 'existing' | 'replace' | 'reject';

/** `reused`: the idempotency key had already made this job, or it held the unique key; `replaced`: it took this request over. */
export interface EnqueuedJob {
  id: string;
  queue: string;
  reused: boolean;
  replaced?: boolean;
  /** It stands behind a gate: waits for others, for its key or for its type. */
  held?: boolean;
}

/** Jobs that are counted together; when the last of them has ended, whichever way, the completion job runs. */
export interface BatchRequest {
  organizationId: string;
  name?: string;
  jobs: readonly Omit<EnqueueRequest, 'organizationId' | 'batchId'>[];
  /** Its subject is the batch (`batch`, id) unless it names another. */
  completion?: Omit<EnqueueRequest, 'organizationId' | 'batchId' | 'after'>;
  createdBy?: string;
}
export interface CreatedBatch {
  id: string;
  jobs: EnqueuedJob[];
  completionJobId: string | null;
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
