import type { CancelResult, EnqueuedJob, EnqueueRequest, RetryResult, Sql } from './ports.js';

export interface JobClientOptions {
  /** Engine-role pool, for gathered enqueues and wake-ups. */
  pool: Sql;
}

/** Puts jobs in, and takes them back. */
export class JobClient {
  constructor(protected readonly options: JobClientOptions) {}

  /** Inside the caller's transaction: committed, it runs; rolled back, it was never there. Call `wake` after the commit. */
  enqueue(_tx: Sql, _requests: readonly EnqueueRequest[]): Promise<EnqueuedJob[]> {
    throw new Error('later in this change');
  }

  /** On its own: concurrent calls are gathered into one INSERT. Resolves once committed. */
  enqueueGathered(_request: EnqueueRequest): Promise<EnqueuedJob> {
    throw new Error('later in this change');
  }

  cancel(_tx: Sql, _jobId: string, _by: { userId: string | null; reason?: string }): Promise<CancelResult> {
    throw new Error('later in this change');
  }

  retry(_tx: Sql, _jobId: string, _by: { userId: string | null }): Promise<RetryResult> {
    throw new Error('later in this change');
  }

  /** Tells workers everywhere, debounced, that something became ready in these queues. */
  wake(_queues: Iterable<string>): void {}
}
