import { Injectable } from '@nestjs/common';
import { JobTypes } from '@carillon/nest-jobs';
import { Database, type Transaction } from '../../platform/database/index.js';
import { notFound, type Principal } from '../../platform/http/index.js';
import { organizationOfJob } from '../job-queries.js';
import type { PauseDto } from '../controls/control.dto.js';
import { explain } from './explain.js';
import {
  awaitedBatch,
  limitsOfClaim,
  limitsOfGates,
  type LimitRow,
  type Standing,
  standingOf,
  turnOf,
  unfinishedParents,
  workersFor,
} from './explain-statements.js';
import type { ExplanationDto, UsedLimitDto } from './explanation.dto.js';
import type { EndedFacts, JobFacts, WaitingFacts } from './job-facts.js';

/** "Why is it not running?" A job within reach is explained from the whole installation's limits and turns, in numbers only. */
@Injectable()
export class JobExplainer {
  constructor(
    private readonly database: Database,
    private readonly types: JobTypes,
  ) {}

  /** @throws Problem 404. */
  async explain(principal: Principal, jobId: string): Promise<ExplanationDto> {
    if (!principal.allOrganizations) await this.mustBeOwn(principal.organizationId, jobId);
    const facts = await this.database.acrossOrganizations(async (tx) => {
      const standing = await standingOf(tx, jobId, principal.role === 'SystemAdmin');
      return standing && this.factsOf(tx, jobId, standing);
    });
    if (!facts) throw notFound('job');
    return explain(facts);
  }

  private async mustBeOwn(organizationId: string, jobId: string): Promise<void> {
    const found = await this.database.withOrganization(organizationId, (tx) => organizationOfJob(tx, jobId));
    if (found === null) throw notFound('job');
  }

  private async factsOf(tx: Transaction, jobId: string, standing: Standing): Promise<JobFacts> {
    const { jobType, queue, now } = standing;
    return { jobId, jobType, queue, now, state: await this.stateOf(tx, jobId, standing) };
  }

  private async stateOf(tx: Transaction, jobId: string, standing: Standing): Promise<JobFacts['state']> {
    if (standing.status !== 'queued') return endedFacts(standing, standing.status);
    const { claimedAt, worker, attemptCount, cancelRequestedAt } = standing;
    if (claimedAt !== null && worker !== null)
      return { is: 'processing', since: claimedAt, worker, attempt: attemptCount + 1, cancelRequestedAt };
    return this.waitingFacts(tx, jobId, standing);
  }

  private async waitingFacts(tx: Transaction, jobId: string, standing: Standing): Promise<WaitingFacts> {
    const { queue, jobType, isReady, isHeld, laterAt } = standing;
    return {
      is: 'queued',
      standsIn: isReady ? 'ready' : isHeld ? 'held' : laterAt ? 'later' : null,
      dueAt: laterAt ?? standing.nextRetryAt ?? standing.runAt,
      retryCount: standing.retryCount,
      maxRetries: standing.maxRetries,
      lastError: standing.errorMessage,
      queuePause: pauseOf(standing.queuePause),
      organizationPause: pauseOf(standing.organizationPause),
      typePause: pauseOf(standing.typePause),
      parents: standing.awaitsParents ? await unfinishedParents(tx, jobId) : [],
      batch: standing.awaitsBatch === null ? null : await awaitedBatch(tx, standing.awaitsBatch),
      limits: await limitsOf(tx, jobId, standing),
      workers: await workersFor(tx, queue),
      handled: this.types.has(jobType),
      turn: isReady ? await turnOf(tx, { ...standing, id: jobId, queueNumber: standing.queueNumber! }) : null,
    };
  }
}

/** A job that has still to wait for its time or for other jobs meets no limit yet; one that is ready has passed the gates. */
async function limitsOf(tx: Transaction, jobId: string, standing: Standing): Promise<UsedLimitDto[]> {
  const { queue, queueNumber, org, jobType, concurrencyKey, isReady, isHeld } = standing;
  const atGates = isHeld && !standing.awaitsParents && standing.awaitsBatch === null;
  const rows: LimitRow[] = [
    ...(atGates ? await limitsOfGates(tx, { id: jobId, jobType, org, concurrencyKey }) : []),
    ...((atGates || isReady) && queueNumber !== null ? await limitsOfClaim(tx, queueNumber, org) : []),
  ];
  const names = { queue, share: queue, organization: '', jobType, concurrencyKey: concurrencyKey ?? '' };
  return rows.map((row) => ({
    ...row,
    name: row.scope === 'organization' ? standing.organizationId : names[row.scope],
  }));
}

function endedFacts(standing: Standing, is: EndedFacts['is']): EndedFacts {
  const { completedAt, attemptCount, errorCode, errorMessage, cancelReason } = standing;
  return { is, at: completedAt!, attempts: attemptCount, errorCode, errorMessage, cancelReason };
}

function pauseOf(pause: Standing['queuePause']): PauseDto | null {
  if (pause === null) return null;
  const { since, by, name, reason } = pause;
  return { since: new Date(since), by: by === null ? null : { id: by, name }, reason };
}
