import { Injectable } from '@nestjs/common';
import type { EnqueueRequest } from '@carillon/job-engine';
import { Database } from '../platform/database/index.js';
import { conflict, type Principal } from '../platform/http/index.js';
import { JobQueue } from '../platform/queue/index.js';
import { refusedOver } from './creation-refusals.js';
import { idempotencyOf } from './idempotency.js';
import { JobOrderChecks } from './job-order-checks.js';
import { findJob, isKeyUsed } from './job-queries.js';
import type { JobWithAttemptsDto } from './job.dto.js';
import type { JobOrderDto, NewJobDto } from './new-job.dto.js';
import { Quotas } from './quotas/quotas.js';

/** What of the request's headers bears on the jobs it asks for. */
export interface JobRequestHeaders {
  idempotencyKey?: string;
  /** X-Organization-Id as it came; the guard has verified it. */
  organizationId?: string;
}

/** Jobs that somebody asks for over HTTP. A job is the record of its own creation, so the audit log holds none. */
@Injectable()
export class JobRequests {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
    private readonly checks: JobOrderChecks,
    private readonly quotas: Quotas,
  ) {}

  /**
   * `replayed`: the idempotency key had made the job before.
   * @throws Problem 403 for a type that is the SystemAdmin's; 409 for a unique key that is held; 422 for an unknown type, a payload that
   * does not fit it, a parent or batch that is none, or an idempotency key that was used for another body; 429 beyond a quota.
   */
  async create(
    principal: Principal,
    body: NewJobDto,
    headers: JobRequestHeaders,
  ): Promise<{ job: JobWithAttemptsDto; replayed: boolean }> {
    const idempotency = idempotencyOf(headers.idempotencyKey, body);
    await this.checks.check(principal, [{ order: body, pointer: '' }]);
    const { organizationId: asked } = body;
    const organizationId = await this.checks.organizationFor(
      principal,
      [{ organizationId: asked, pointer: '' }],
      headers,
    );
    await this.quotas.admit(organizationId, [body]).catch(async (error: unknown) => {
      // what was created before the quota was full is answered again
      const key = idempotency?.key;
      if (!key || !(await this.database.withOrganization(organizationId, (tx) => isKeyUsed(tx, key)))) throw error;
    });
    const request = { ...requestOf(principal, organizationId, body), idempotency };
    const { id, reused } = await this.queue.enqueueNow(request).catch(refusedOver(['']));
    const job = await this.database.withOrganization(organizationId, (tx) => findJob(tx, id));
    if (!job) throw conflict('job_gone', `The job ${id} was deleted while it was being answered.`);
    return { job, replayed: reused && idempotency !== undefined };
  }

  /**
   * All jobs or none, by one statement; what is wrong with one is said with its index. They belong to one organisation.
   * @throws Problem as `create` does.
   */
  async createMany(
    principal: Principal,
    bodies: readonly NewJobDto[],
    headers: Pick<JobRequestHeaders, 'organizationId'>,
  ): Promise<string[]> {
    const orders = bodies.map((order, index) => ({ order, pointer: `/jobs/${index}` }));
    await this.checks.check(principal, orders);
    const asked = orders.map(({ order: { organizationId }, pointer }) => ({ organizationId, pointer }));
    const organizationId = await this.checks.organizationFor(principal, asked, headers);
    await this.quotas.admit(organizationId, bodies);
    const requests = bodies.map((body) => requestOf(principal, organizationId, body));
    const jobs = await this.database
      .withOrganization(organizationId, (tx) => this.queue.enqueueMany(tx, requests))
      .catch(refusedOver(orders.map(({ pointer }) => pointer)));
    return jobs.map((job) => job.id);
  }
}

/** The payload is stored as it came: its type reads it again when it runs. */
function requestOf(principal: Principal, organizationId: string, body: NewJobDto): EnqueueRequest {
  return { ...orderOf(body), organizationId, after: body.after, batchId: body.batchId, createdBy: principal.id };
}

/** The fields of an order one by one: what validation lets through besides is not the engine's to see. */
export function orderOf(order: JobOrderDto): Omit<EnqueueRequest, 'organizationId'> {
  const { jobType, payload = {}, queue, priority, runAt, maxRetries, timeoutSeconds, tags } = order;
  const { uniqueKey, uniqueForSeconds, onClash, concurrencyKey } = order;
  const wishes = { queue, priority, runAt, maxRetries, timeoutSeconds, tags };
  return { jobType, payload, ...wishes, uniqueKey, uniqueForSeconds, onClash, concurrencyKey };
}
