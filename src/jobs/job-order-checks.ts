import { Injectable } from '@nestjs/common';
import { InvalidPayload } from '@carillon/job-engine';
import { JobTypes } from '@carillon/nest-jobs';
import { Database } from '../platform/database/index.js';
import { type Principal, Problem, type ProblemDetail, unprocessable } from '../platform/http/index.js';
import { organizationExists, unknownQueues } from './job-queries.js';
import type { JobOrderDto, NewJobDto } from './new-job.dto.js';

/** A job that is asked for, and where it stands in the request's body: a JSON pointer, '' for the body itself. */
export interface PlacedOrder {
  order: JobOrderDto & Pick<NewJobDto, 'after' | 'batchId'>;
  pointer: string;
}

/** Whether what is asked for can be: before anything is written, with all that is wrong said at once. */
@Injectable()
export class JobOrderChecks {
  constructor(
    private readonly database: Database,
    private readonly types: JobTypes,
  ) {}

  /**
   * @throws Problem 403 for a type that only a SystemAdmin may ask for; 422 for an unknown type, a payload that does not fit it, a
   * queue that does not exist, or fields that exclude each other
   */
  async check(principal: Principal, orders: readonly PlacedOrder[]): Promise<void> {
    const errors: ProblemDetail[] = [];
    for (const { order, pointer } of orders)
      for (const error of await this.errorsOf(principal, order))
        errors.push({ ...error, pointer: `${pointer}${error.pointer}` });
    if (errors.length > 0) throw unprocessable(errors);
    this.checkSystemOnly(principal, orders);
    await this.checkQueues(principal, orders);
  }

  /**
   * The organisation that the jobs are for: the caller's, or for a SystemAdmin that sent no header the one named in the body.
   * @throws Problem 422 where the request names another one, or several
   */
  async organizationFor(
    principal: Principal,
    asked: readonly { organizationId?: string; pointer: string }[],
    headers: { organizationId?: string },
  ): Promise<string> {
    const mayChoose = principal.role === 'SystemAdmin' && headers.organizationId === undefined;
    const wanted = asked.map((one) => one.organizationId ?? principal.organizationId);
    const organizationId = mayChoose ? wanted[0]! : principal.organizationId;
    const message = mayChoose
      ? `differs from that of the first job: the jobs of one request belong to one organisation`
      : `is not the organisation that this call acts on: leave it out`;
    const strangers = asked.flatMap(({ pointer }, index) =>
      wanted[index] === organizationId ? [] : [{ pointer: `${pointer}/organizationId`, message }],
    );
    if (strangers.length > 0) throw unprocessable(strangers);
    if (organizationId !== principal.organizationId)
      await this.mustExist(organizationId, `${asked[0]!.pointer}/organizationId`);
    return organizationId;
  }

  private async errorsOf(principal: Principal, order: PlacedOrder['order']): Promise<readonly ProblemDetail[]> {
    const { jobType, payload } = order;
    if (!this.types.has(jobType)) {
      const known = this.types
        .list()
        .flatMap(({ type, internal, systemOnly }) =>
          internal || (systemOnly && principal.role !== 'SystemAdmin') ? [] : [type],
        );
      return [{ pointer: '/jobType', message: `is not known: "${jobType}"; known are ${known.join(', ')}` }];
    }
    if (this.types.isInternal(jobType))
      return [{ pointer: '/jobType', message: `"${jobType}" is work of the system itself and cannot be asked for` }];
    const errors = contradictionsOf(order);
    try {
      await this.types.checkPayload(jobType, payload ?? {});
      return errors;
    } catch (error) {
      if (!(error instanceof InvalidPayload)) throw error;
      return [...errors, ...error.errors.map((detail) => ({ ...detail, pointer: `/payload${detail.pointer}` }))];
    }
  }

  /** What concerns the whole installation is not an organisation's to start. */
  private checkSystemOnly(principal: Principal, orders: readonly PlacedOrder[]): void {
    if (principal.role === 'SystemAdmin') return;
    const errors = orders.flatMap(({ order: { jobType }, pointer }) => {
      const message = `"${jobType}" concerns the whole installation: only a SystemAdmin may ask for it`;
      return this.types.isSystemOnly(jobType) ? [{ pointer: `${pointer}/jobType`, message }] : [];
    });
    if (errors.length > 0)
      throw new Problem(403, 'forbidden', 'Only a SystemAdmin may ask for jobs of this type.', { errors });
  }

  /** Queues are the installation's, there are 32,767 at most, and a first job makes its queue: only a SystemAdmin may name a new one. */
  private async checkQueues(principal: Principal, orders: readonly PlacedOrder[]): Promise<void> {
    if (principal.role === 'SystemAdmin') return;
    const usual = new Set(['default', ...this.types.list().map((type) => type.queue)]);
    const unusual = orders.flatMap(({ order: { queue } }) => (queue === undefined || usual.has(queue) ? [] : [queue]));
    if (unusual.length === 0) return;
    const { organizationId } = principal;
    const unknown = await this.database.withOrganization(organizationId, (tx) => unknownQueues(tx, unusual));
    const errors = orders.flatMap(({ order: { queue = '' }, pointer }) => {
      const message = `there is no queue "${queue}": leave it out for that of the type, or let a SystemAdmin make it`;
      return unknown.includes(queue) ? [{ pointer: `${pointer}/queue`, message }] : [];
    });
    if (errors.length > 0) throw unprocessable(errors);
  }

  private async mustExist(organizationId: string, pointer: string): Promise<void> {
    const exists = await this.database.acrossOrganizations((tx) => organizationExists(tx, organizationId));
    if (!exists) throw unprocessable([{ pointer, message: `names no organisation: ${organizationId}` }]);
  }
}

/** Fields that say nothing without another one, or exclude each other. */
function contradictionsOf({
  uniqueKey,
  uniqueForSeconds,
  onClash,
  after,
  batchId,
}: PlacedOrder['order']): ProblemDetail[] {
  const errors: ProblemDetail[] = [];
  const needsKey = 'says something only together with a uniqueKey';
  if (uniqueKey === undefined && uniqueForSeconds !== undefined)
    errors.push({ pointer: '/uniqueForSeconds', message: needsKey });
  if (uniqueKey === undefined && onClash !== undefined) errors.push({ pointer: '/onClash', message: needsKey });
  if (onClash === 'replace' && (after ?? batchId) !== undefined)
    errors.push({
      pointer: after ? '/after' : '/batchId',
      message: 'does not go with onClash "replace": the job that is replaced keeps its own parents and batch',
    });
  return errors;
}
