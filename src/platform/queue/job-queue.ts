import { Injectable } from '@nestjs/common';
import {
  type BatchRequest,
  type BulkCancelResult,
  type BulkRetryResult,
  type CancelResult,
  type CreatedBatch,
  type EnqueuedJob,
  type EnqueueRequest,
  gatesChanged,
  JobClient,
  type RetryResult,
} from '@carillon/job-engine';
import { Caches } from '../caches/index.js';
import { onCommit, sqlOf, type Transaction } from '../database/index.js';

/** The engine as features see it: inside a transaction, with the wake-up sent after its commit. Payloads are checked by `JobTypes`. */
@Injectable()
export class JobQueue {
  constructor(
    private readonly client: JobClient,
    caches: Caches,
  ) {
    caches.register('jobs.queues', client.queues);
  }

  async enqueue(tx: Transaction, request: EnqueueRequest): Promise<EnqueuedJob> {
    const [job] = await this.enqueueMany(tx, [request]);
    return job!;
  }

  async enqueueMany(tx: Transaction, requests: readonly EnqueueRequest[]): Promise<EnqueuedJob[]> {
    const jobs = await this.client.enqueue(await sqlOf(tx), requests);
    onCommit(tx, () => this.client.wakeFor(jobs));
    return jobs;
  }

  async createBatch(tx: Transaction, request: BatchRequest): Promise<CreatedBatch> {
    const batch = await this.client.createBatch(await sqlOf(tx), request);
    onCommit(tx, () => this.client.wakeForBatch(batch));
    return batch;
  }

  /** Outside any transaction, gathered with its neighbours: the fast way in for requests whose organisation the guard has verified. */
  enqueueNow(request: EnqueueRequest): Promise<EnqueuedJob> {
    return this.client.enqueueGathered(request);
  }

  async cancel(tx: Transaction, jobId: string, by: { userId: string | null; reason?: string }): Promise<CancelResult> {
    const result = await this.client.cancel(await sqlOf(tx), jobId, by);
    if (result === 'cancel_requested') onCommit(tx, () => this.client.wakeCancelled());
    if (result === 'cancelled') onCommit(tx, () => this.client.wake([gatesChanged])); // its batch, or its limit's slot
    return result;
  }

  async cancelMany(
    tx: Transaction,
    jobIds: readonly string[],
    by: { userId: string | null; reason?: string },
  ): Promise<Map<string, BulkCancelResult>> {
    const results = await this.client.cancelMany(await sqlOf(tx), jobIds, by);
    onCommit(tx, () => {
      this.client.wakeCancelled();
      this.client.wake([gatesChanged]);
    });
    return results;
  }

  async retryMany(
    tx: Transaction,
    jobIds: readonly string[],
    by: { userId: string | null },
  ): Promise<Map<string, BulkRetryResult>> {
    const results = await this.client.retryMany(await sqlOf(tx), jobIds, by);
    onCommit(tx, () => this.client.wake());
    return results;
  }

  async retry(tx: Transaction, jobId: string, by: { userId: string | null }): Promise<RetryResult> {
    const result = await this.client.retry(await sqlOf(tx), jobId, by);
    if (result === 'queued') onCommit(tx, () => this.client.wake());
    return result;
  }
}
