import { Injectable } from '@nestjs/common';
import { UniqueKeyHeld } from '@carillon/job-engine';
import { type AuditEntry, type Origin, recordAudit } from '../platform/audit/index.js';
import { Database, type Transaction } from '../platform/database/index.js';
import { conflict, notFound, type Principal } from '../platform/http/index.js';
import { JobQueue } from '../platform/queue/index.js';
import { findJob, organizationOfJob } from './job-queries.js';
import type { JobWithAttemptsDto } from './job.dto.js';

/** What a person does to a job. Each leaves its audit record in the transaction that did it. */
@Injectable()
export class JobActions {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
  ) {}

  /**
   * A queued job ends at once; a running one is told to, and ends within moments (`cancelRequestedAt` says since when).
   * @throws Problem 404; 409 `job_already_ended`.
   */
  cancel(principal: Principal, jobId: string, reason: string | undefined, origin: Origin): Promise<JobWithAttemptsDto> {
    return this.act(principal, jobId, { action: 'job.cancelled', details: { reason }, ...origin }, async (tx) => {
      const outcome = await this.queue.cancel(tx, jobId, { userId: principal.id, reason });
      if (outcome === 'not_found') throw notFound('job');
      if (outcome === 'already_ended') {
        throw conflict('job_already_ended', 'The job has already ended, so there is nothing to cancel.');
      }
    });
  }

  /**
   * Puts a job that has ended back into its queue as a new attempt; the history of the earlier ones stays.
   * @throws Problem 404; 409 `job_not_ended`, or `unique_key_held` while another job of its type holds its unique key.
   */
  retry(principal: Principal, jobId: string, origin: Origin): Promise<JobWithAttemptsDto> {
    return this.act(principal, jobId, { action: 'job.retried', ...origin }, async (tx) => {
      const outcome = await this.queue.retry(tx, jobId, { userId: principal.id }).catch(refuseHeldKey);
      if (outcome === 'not_found') throw notFound('job');
      if (outcome === 'not_ended') {
        throw conflict(
          'job_not_ended',
          'The job has not ended yet: only a completed, failed or cancelled one can be retried.',
        );
      }
    });
  }

  private async act(
    principal: Principal,
    jobId: string,
    entry: AuditEntry,
    work: (tx: Transaction) => Promise<void>,
  ): Promise<JobWithAttemptsDto> {
    const organizationId = await this.organizationOf(principal, jobId);
    return this.database.withOrganization(organizationId, async (tx) => {
      await work(tx);
      await recordAudit(tx, principal, organizationId, { ...entry, targetType: 'job', targetId: jobId });
      const job = await findJob(tx, jobId);
      if (!job) throw notFound('job');
      return job;
    });
  }

  private async organizationOf(principal: Principal, jobId: string): Promise<string> {
    if (!principal.allOrganizations) return principal.organizationId;
    const organizationId = await this.database.acrossOrganizations((tx) => organizationOfJob(tx, jobId));
    if (!organizationId) throw notFound('job');
    return organizationId;
  }
}

function refuseHeldKey(error: unknown): never {
  if (!(error instanceof UniqueKeyHeld)) throw error;
  throw conflict('unique_key_held', 'Another job of its type holds the unique key of this one: wait for its end.');
}
