import { Injectable } from '@nestjs/common';
import { type EnqueueRequest, IdempotencyClash, InvalidPayload } from '@carillon/job-engine';
import { JobTypes } from '@carillon/nest-jobs';
import { Database } from '../platform/database/index.js';
import { conflict, type Principal, Problem, type ProblemDetail, unprocessable } from '../platform/http/index.js';
import { JobQueue } from '../platform/queue/index.js';
import { idempotencyOf } from './idempotency.js';
import { findJob, organizationExists, unknownQueues } from './job-queries.js';
import type { JobWithAttemptsDto } from './job.dto.js';
import type { NewJobDto } from './new-job.dto.js';

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
    private readonly types: JobTypes,
  ) {}

  /**
   * `replayed`: the idempotency key had made the job before.
   * @throws Problem 422 for an unknown type, a payload that does not fit it, or a key that was used for another body.
   */
  async create(
    principal: Principal,
    body: NewJobDto,
    headers: JobRequestHeaders,
  ): Promise<{ job: JobWithAttemptsDto; replayed: boolean }> {
    const idempotency = idempotencyOf(headers.idempotencyKey, body);
    await this.check([body], ['']);
    const organizationId = await this.organizationFor(principal, [body], [''], headers);
    await this.checkQueues(principal, [body], ['']);
    const request = { ...requestOf(principal, organizationId, body), idempotency };
    const { id, reused } = await this.queue.enqueueNow(request).catch(refuseClash);
    const job = await this.database.withOrganization(organizationId, (tx) => findJob(tx, id));
    if (!job) throw conflict('job_gone', `The job ${id} was deleted while it was being answered.`);
    return { job, replayed: reused };
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
    const pointers = bodies.map((_, index) => `/jobs/${index}`);
    await this.check(bodies, pointers);
    const organizationId = await this.organizationFor(principal, bodies, pointers, headers);
    await this.checkQueues(principal, bodies, pointers);
    const requests = bodies.map((body) => requestOf(principal, organizationId, body));
    const jobs = await this.database.withOrganization(organizationId, (tx) => this.queue.enqueueMany(tx, requests));
    return jobs.map((job) => job.id);
  }

  private async check(bodies: readonly NewJobDto[], pointers: readonly string[]): Promise<void> {
    const errors: ProblemDetail[] = [];
    for (const [index, body] of bodies.entries()) {
      for (const { pointer, message } of await this.errorsOf(body)) {
        errors.push({ pointer: `${pointers[index]}${pointer}`, message });
      }
    }
    if (errors.length > 0) throw unprocessable(errors);
  }

  private async errorsOf({ jobType, payload }: NewJobDto): Promise<readonly ProblemDetail[]> {
    if (!this.types.has(jobType)) {
      const known = this.types.list().flatMap(({ type, internal }) => (internal ? [] : [type]));
      return [{ pointer: '/jobType', message: `is not known: "${jobType}"; known are ${known.join(', ')}` }];
    }
    if (this.types.isInternal(jobType)) {
      return [{ pointer: '/jobType', message: `"${jobType}" is work of the system itself and cannot be asked for` }];
    }
    try {
      await this.types.checkPayload(jobType, payload ?? {});
      return [];
    } catch (error) {
      if (!(error instanceof InvalidPayload)) throw error;
      return error.errors.map((detail) => ({ ...detail, pointer: `/payload${detail.pointer}` }));
    }
  }

  /** Queues are the installation's, there are 32,767 at most, and a first job makes its queue: only a SystemAdmin may name a new one. */
  private async checkQueues(
    principal: Principal,
    bodies: readonly NewJobDto[],
    pointers: readonly string[],
  ): Promise<void> {
    if (principal.role === 'SystemAdmin') return;
    const usual = new Set(['default', ...this.types.list().map((type) => type.queue)]);
    const unusual = bodies.flatMap(({ queue }) => (queue === undefined || usual.has(queue) ? [] : [queue]));
    if (unusual.length === 0) return;
    const { organizationId } = principal;
    const unknown = await this.database.withOrganization(organizationId, (tx) => unknownQueues(tx, unusual));
    const errors = bodies.flatMap(({ queue = '' }, index) => {
      const message = `there is no queue "${queue}": leave it out for that of the type, or let a SystemAdmin make it`;
      return unknown.includes(queue) ? [{ pointer: `${pointers[index]}/queue`, message }] : [];
    });
    if (errors.length > 0) throw unprocessable(errors);
  }

  /** The organisation that the jobs are for: the caller's, or for a SystemAdmin that sent no header the one named in the body. */
  private async organizationFor(
    principal: Principal,
    bodies: readonly NewJobDto[],
    pointers: readonly string[],
    headers: Pick<JobRequestHeaders, 'organizationId'>,
  ): Promise<string> {
    const mayChoose = principal.role === 'SystemAdmin' && headers.organizationId === undefined;
    const wanted = bodies.map((body) => body.organizationId ?? principal.organizationId);
    const organizationId = mayChoose ? wanted[0]! : principal.organizationId;
    const reason = mayChoose
      ? `differs from that of the first job: the jobs of one request belong to one organisation`
      : `is not the organisation that this call acts on: leave it out`;
    const strangers = wanted.flatMap((id, index) =>
      id === organizationId ? [] : [{ pointer: `${pointers[index]}/organizationId`, message: reason }],
    );
    if (strangers.length > 0) throw unprocessable(strangers);
    if (organizationId !== principal.organizationId)
      await this.mustExist(organizationId, `${pointers[0]}/organizationId`);
    return organizationId;
  }

  private async mustExist(organizationId: string, pointer: string): Promise<void> {
    const exists = await this.database.acrossOrganizations((tx) => organizationExists(tx, organizationId));
    if (!exists) throw unprocessable([{ pointer, message: `names no organisation: ${organizationId}` }]);
  }
}

/** The payload is stored as it came: its type reads it again when it runs. */
function requestOf(principal: Principal, organizationId: string, body: NewJobDto): EnqueueRequest {
  const { jobType, payload = {}, queue, priority, runAt, maxRetries, timeoutSeconds, tags } = body;
  const wishes = { queue, priority, runAt, maxRetries, timeoutSeconds, tags };
  return { organizationId, jobType, payload, createdBy: principal.id, ...wishes };
}

function refuseClash(error: unknown): never {
  if (!(error instanceof IdempotencyClash)) throw error;
  const detail = `This Idempotency-Key made the job ${error.jobId} from another body: take a fresh key for each request.`;
  throw new Problem(422, 'idempotency_key_reused', detail, {
    errors: [{ pointer: 'header/idempotency-key', message: 'was sent before with another body' }],
  });
}
