import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { decodeCursor, encodeCursor, notFound, type Principal, totalOf } from '../../platform/http/index.js';
import { JobQueue } from '../../platform/queue/index.js';
import { refusedOver } from '../creation-refusals.js';
import { JobOrderChecks, type PlacedOrder } from '../job-order-checks.js';
import { jobsOf } from '../job-queries.js';
import { orderOf } from '../job-requests.js';
import { withinReachOf } from '../job-scope.js';
import { Quotas } from '../quotas/quotas.js';
import { findBatch, findBatches } from './batch-statements.js';
import type {
  BatchListQueryDto,
  BatchPageDto,
  BatchWithCompletionDto,
  CreatedBatchDto,
  NewBatchDto,
} from './batch.dto.js';

const list = 'batches -createdAt';

/** Batches over HTTP: asked for, listed, looked at. Like a job, a batch is the record of its own creation. */
@Injectable()
export class BatchRequests {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
    private readonly checks: JobOrderChecks,
    private readonly quotas: Quotas,
  ) {}

  /** @throws Problem as for jobs (JobRequests.create), with pointers into `jobs` and `completion` */
  async create(
    principal: Principal,
    body: NewBatchDto,
    headers: { organizationId?: string },
  ): Promise<CreatedBatchDto> {
    const orders = ordersOf(body);
    await this.checks.check(principal, orders);
    const asked = [{ organizationId: body.organizationId, pointer: '' }];
    const organizationId = await this.checks.organizationFor(principal, asked, headers);
    await this.quotas.admit(
      organizationId,
      orders.map(({ order }) => order),
    );
    const { name, jobs, completion } = body;
    const request = {
      organizationId,
      name,
      createdBy: principal.id,
      jobs: jobs.map((job) => ({ ...orderOf(job), after: job.after })),
      completion: completion && orderOf(completion),
    };
    return this.database
      .withOrganization(organizationId, async (tx) => {
        const made = await this.queue.createBatch(tx, request);
        const batch = await findBatch(tx, made.id);
        return { ...batch!, jobIds: made.jobs.map((job) => job.id) };
      })
      .catch(refusedOver(orders.map(({ pointer }) => pointer)));
  }

  /** @throws Problem 400 for a cursor that is not of this list */
  list(
    principal: Principal,
    { skip, limit, cursor, organizationId: wanted }: BatchListQueryDto,
  ): Promise<BatchPageDto> {
    const after = cursor === undefined ? null : (decodeCursor(list, cursor)[0] as string);
    return withinReachOf(principal, this.database, async (tx, own) => {
      // somebody else's organisation holds nothing that is within reach
      if (own && wanted && wanted !== own) return { batches: [], total: 0, nextCursor: null };
      const page = { organizationId: own ?? wanted ?? null, after, skip, limit };
      const { batches, counted } = await findBatches(tx, page);
      const shown = batches.slice(0, limit);
      return {
        batches: shown,
        ...totalOf(counted),
        nextCursor: batches.length > limit ? encodeCursor(list, [shown.at(-1)!.id]) : null,
      };
    });
  }

  /** @throws Problem 404 */
  one(principal: Principal, batchId: string): Promise<BatchWithCompletionDto> {
    return withinReachOf(principal, this.database, async (tx) => {
      const batch = await findBatch(tx, batchId);
      if (!batch) throw notFound('batch');
      const [completionJob = null] = batch.completionJobId ? await jobsOf(tx, [batch.completionJobId]) : [];
      return { ...batch, completionJob };
    });
  }
}

function ordersOf({ jobs, completion }: NewBatchDto): PlacedOrder[] {
  const members = jobs.map((order, index) => ({ order, pointer: `/jobs/${index}` }));
  return completion ? [...members, { order: completion, pointer: '/completion' }] : members;
}
