import { Injectable } from '@nestjs/common';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { Database } from '../../platform/database/index.js';
import { type Principal, totalOf, unprocessable } from '../../platform/http/index.js';
import { JobQueue } from '../../platform/queue/index.js';
import { findJob, jobsOf } from '../job-queries.js';
import { withinReachOf } from '../job-scope.js';
import type { JobWithAttemptsDto } from '../job.dto.js';
import type { BulkActionDto, BulkActionPayload, BulkPreviewDto } from './bulk-action.dto.js';
import { databaseNow, previewOf } from './bulk-action-statements.js';
import { impossibleStatuses, selectionOf } from './bulk-selection.js';

const sampleSize = 10;
/** Of one organisation's bulk actions one runs at a time; the others wait for it. */
const concurrencyKey = 'jobs.bulk';

/** Actions on many jobs: first what they would hit, then the job that does it. */
@Injectable()
export class BulkActionRequests {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
  ) {}

  /** @throws Problem 422 for a status to which the action cannot be done. */
  async preview(principal: Principal, { action, filter }: BulkActionDto): Promise<BulkPreviewDto> {
    refuseImpossible({ action, filter });
    return withinReachOf(principal, this.database, async (tx, organizationId) => {
      if (organizationId && filter.organizationId && filter.organizationId !== organizationId)
        return { action, total: 0, sample: [] };
      const narrowed = { ...filter, ...(organizationId && { organizationId }) };
      const selection = {
        action,
        filter: selectionOf(action, narrowed),
        createdBefore: await databaseNow(tx),
        except: null,
      };
      const { ids, counted } = await previewOf(tx, selection, sampleSize);
      return { action, ...totalOf(counted), sample: await jobsOf(tx, ids) };
    });
  }

  /** The job belongs to the organisation in which the asker acts, its own where that is all. @throws Problem 422 as `preview`. */
  async start(principal: Principal, request: BulkActionDto, origin: Origin): Promise<JobWithAttemptsDto> {
    const { action, filter, reason } = request;
    refuseImpossible(request);
    const { organizationId } = principal;
    return this.database.withOrganization(organizationId, async (tx) => {
      const payload: BulkActionPayload = {
        action,
        filter,
        ...(reason !== undefined && { reason }),
        createdBefore: await databaseNow(tx),
        ...(principal.allOrganizations && { allOrganizations: true }),
      };
      const job = await this.queue.enqueue(tx, {
        organizationId,
        jobType: 'jobs.bulk',
        payload,
        concurrencyKey,
        createdBy: principal.id,
        tags: [action],
      });
      await recordAudit(tx, principal, organizationId, {
        action: 'jobs.bulk-requested',
        targetType: 'job',
        targetId: job.id,
        details: { action, filter: { ...filter }, reason, allOrganizations: principal.allOrganizations },
        ...origin,
      });
      return (await findJob(tx, job.id))!;
    });
  }
}

function refuseImpossible({ action, filter }: Pick<BulkActionDto, 'action' | 'filter'>): void {
  const impossible = impossibleStatuses(action, filter);
  if (impossible.length === 0) return;
  const message = `names ${impossible.join(', ')}: to such a job "${action}" cannot be done`;
  throw unprocessable([{ pointer: '/filter/status', message }]);
}
