import { Injectable } from '@nestjs/common';
import { JobTypes } from '@carillon/nest-jobs';
import { Database, type SqlExecutor } from '../../platform/database/index.js';
import { matchVersion, notFound } from '../../platform/http/index.js';
import { type ControlCaller, ControlChanges, tagOf } from '../controls/control-changes.js';
import { pauseOf } from '../controls/pause.js';
import {
  addQueue,
  changeQueue,
  changeShare,
  deleteShare,
  lockQueue,
  organizationNumber,
  pauseQueue,
  type QueueRow,
  queuesOf,
  resumeQueue,
  shareOf,
  sharesOf,
  type StoredQueue,
} from './queue-statements.js';
import type { ChangeQueueDto, ChangeQueueShareDto, QueueDto, QueueShareDto, QueueSharesDto } from './queue.dto.js';

/** Queues belong to the installation: all of this is a SystemAdmin's, whatever organisation the call names. */
@Injectable()
export class QueueAdministration {
  constructor(
    private readonly database: Database,
    private readonly changes: ControlChanges,
    private readonly types: JobTypes,
  ) {}

  /** Those that have had a job or a setting, and those that job types name. */
  async list(): Promise<QueueDto[]> {
    const rows = await this.database.acrossOrganizations((tx) => queuesOf(tx, null));
    const known = new Set(rows.map(({ name }) => name));
    const unused = [...this.declared()].filter((name) => !known.has(name)).map(neverUsed);
    return [...rows.map(queueOf), ...unused].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @throws Problem 404. */
  async one(name: string): Promise<QueueDto> {
    const [row] = await this.database.acrossOrganizations((tx) => queuesOf(tx, name));
    if (row) return queueOf(row);
    if (this.declared().has(name)) return neverUsed(name);
    throw notFound('queue');
  }

  /** @throws Problem 404, 412. */
  async change(caller: ControlCaller, name: string, changes: ChangeQueueDto): Promise<QueueDto> {
    await this.changes.make(caller, async (sql) => {
      const queue = await this.lock(sql, name);
      matchVersion(caller.ifMatch, queueTag(queue));
      if (!(await changeQueue(sql, queue.number, changes))) return null;
      const { maxRunning, perMinute } = queue;
      return entryOf('queue.changed', name, { ...changes, before: { maxRunning, perMinute } });
    });
    return this.one(name);
  }

  /** Pausing again keeps the newest reason. @throws Problem 404, 412. */
  async pause(caller: ControlCaller, name: string, reason: string): Promise<QueueDto> {
    await this.changes.make(caller, async (sql) => {
      const queue = await this.lock(sql, name);
      matchVersion(caller.ifMatch, queueTag(queue));
      await pauseQueue(sql, queue.number, caller.principal.id, reason);
      return entryOf('queue.paused', name, { reason });
    });
    return this.one(name);
  }

  /** @throws Problem 404, 412. */
  async resume(caller: ControlCaller, name: string): Promise<QueueDto> {
    await this.changes.make(caller, async (sql) => {
      const queue = await this.lock(sql, name);
      matchVersion(caller.ifMatch, queueTag(queue));
      if (queue.pausedAt === null) return null;
      await resumeQueue(sql, queue.number);
      return entryOf('queue.resumed', name, { pausedSince: queue.pausedAt });
    });
    return this.one(name);
  }

  /** @throws Problem 404. */
  async shares(name: string, page: { skip: number; limit: number }): Promise<QueueSharesDto> {
    await this.one(name);
    return this.database.acrossOrganizations((tx) => sharesOf(tx, name, page));
  }

  /** @throws Problem 404 for an unknown queue or organisation. */
  async changeShare(
    caller: ControlCaller,
    name: string,
    organizationId: string,
    changes: ChangeQueueShareDto,
  ): Promise<QueueShareDto> {
    await this.changes.make(caller, async (sql) => {
      const { queue, org } = await this.lockShare(sql, name, organizationId);
      await changeShare(sql, queue, org, changes);
      return { ...entryOf('queue-share.changed', name, { ...changes, organizationId }), organizationId };
    });
    const share = await this.database.acrossOrganizations((tx) => shareOf(tx, name, organizationId));
    if (!share) throw notFound('share'); // deleted in between
    return share;
  }

  /** The organisation is served in the queue as in all others. @throws Problem 404 where it has no share of its own. */
  async deleteShare(caller: ControlCaller, name: string, organizationId: string): Promise<void> {
    await this.changes.make(caller, async (sql) => {
      const { queue, org } = await this.lockShare(sql, name, organizationId);
      if (!(await deleteShare(sql, queue, org))) throw notFound('share');
      return { ...entryOf('queue-share.deleted', name, { organizationId }), organizationId };
    });
  }

  private async lockShare(sql: SqlExecutor, name: string, organizationId: string) {
    const { number: queue } = await this.lock(sql, name);
    const org = await organizationNumber(sql, organizationId);
    if (org === undefined) throw notFound('organisation');
    return { queue, org };
  }

  private async lock(sql: SqlExecutor, name: string): Promise<StoredQueue> {
    if (this.declared().has(name)) await addQueue(sql, name);
    const queue = await lockQueue(sql, name);
    if (!queue) throw notFound('queue');
    return queue;
  }

  private declared(): Set<string> {
    return new Set(['default', ...this.types.list().map((type) => type.queue ?? 'default')]);
  }
}

/** Of what may be set; the figures beside it change by themselves. */
export const queueTag = ({ maxRunning, perMinute, ...queue }: QueueDto | StoredQueue): string => {
  const pausedAt = 'pause' in queue ? (queue.pause?.since ?? null) : queue.pausedAt;
  return tagOf({ maxRunning, perMinute, pausedAt });
};

function queueOf({ pausedAt, pausedBy, pausedByName, pausedReason, ...queue }: QueueRow): QueueDto {
  return { ...queue, pause: pauseOf({ pausedAt, pausedBy, pausedByName, pausedReason }) };
}

const neverUsed = (name: string): QueueDto => ({
  name,
  ready: 0,
  later: 0,
  held: 0,
  running: 0,
  oldestReadySince: null,
  maxRunning: null,
  perMinute: null,
  pause: null,
});

const entryOf = (action: string, name: string, details: Record<string, unknown>) => ({
  action,
  targetType: 'queue',
  targetId: name,
  details,
});
