import { Injectable } from '@nestjs/common';
import type { TypeLimits } from '@carillon/job-engine';
import { type JobType, JobTypes } from '@carillon/nest-jobs';
import { Database, type SqlExecutor } from '../../platform/database/index.js';
import { matchVersion, notFound } from '../../platform/http/index.js';
import { type ControlCaller, type ControlChange, ControlChanges, tagOf } from '../controls/control-changes.js';
import { pauseOf } from '../controls/pause.js';
import {
  addJobType,
  changeJobType,
  controlledTypes,
  type JobTypeRow,
  lockJobType,
  pauseJobType,
  resumeJobType,
  type StoredJobType,
} from './job-type-statements.js';
import type { ChangeJobTypeDto, JobTypeDto, JobTypeLimitsDto } from './job-type.dto.js';

/** Job types are the installation's, as their handlers are. A type answers to its aliases here too. */
@Injectable()
export class JobTypeAdministration {
  constructor(
    private readonly database: Database,
    private readonly changes: ControlChanges,
    private readonly types: JobTypes,
  ) {}

  /** Those with a handler here, and those that others have declared or somebody has set. */
  async list(): Promise<JobTypeDto[]> {
    const rows = await this.database.acrossOrganizations(controlledTypes);
    const byType = new Map(rows.map((row) => [row.type, row]));
    const handled = new Map(this.types.list().map((type) => [type.type, type]));
    return [...new Set([...handled.keys(), ...byType.keys()])]
      .sort()
      .map((type) => jobTypeOf(type, handled.get(type), byType.get(type)));
  }

  /** @throws Problem 404. */
  async one(name: string): Promise<JobTypeDto> {
    const type = this.typeOf(name);
    const found = (await this.list()).find((one) => one.type === type);
    if (!found) throw notFound('job type');
    return found;
  }

  /** @throws Problem 404, 412. */
  change(caller: ControlCaller, name: string, changes: ChangeJobTypeDto): Promise<JobTypeDto> {
    return this.make(caller, name, async (sql, type, before) => {
      if (!(await changeJobType(sql, type, changes))) return null;
      const fields = Object.keys(changes).filter((field) => changes[field as keyof ChangeJobTypeDto] !== undefined);
      const old = Object.fromEntries(fields.map((field) => [field, before[field as keyof ChangeJobTypeDto]]));
      return entryOf('job-type.changed', type, { ...changes, before: old });
    });
  }

  /** @throws Problem 404, 412. */
  pause(caller: ControlCaller, name: string, reason: string): Promise<JobTypeDto> {
    return this.make(caller, name, async (sql, type) => {
      await pauseJobType(sql, type, caller.principal.id, reason);
      return entryOf('job-type.paused', type, { reason });
    });
  }

  /** @throws Problem 404, 412. */
  resume(caller: ControlCaller, name: string): Promise<JobTypeDto> {
    return this.make(caller, name, async (sql, type, { pausedAt }) => {
      if (pausedAt === null) return null;
      await resumeJobType(sql, type);
      return entryOf('job-type.resumed', type, { pausedSince: pausedAt });
    });
  }

  private async make(
    caller: ControlCaller,
    name: string,
    work: (sql: SqlExecutor, type: string, before: StoredJobType) => Promise<ControlChange | null>,
  ): Promise<JobTypeDto> {
    const type = this.typeOf(name);
    await this.changes.make(caller, async (sql) => {
      if (this.types.has(type)) await addJobType(sql, type);
      const before = await lockJobType(sql, type);
      if (!before) throw notFound('job type');
      matchVersion(caller.ifMatch, tagOfStored(before));
      return work(sql, type, before);
    });
    return this.one(type);
  }

  /** An alias names its type. */
  private typeOf(name: string): string {
    return this.types.list().find(({ aliases }) => aliases?.includes(name))?.type ?? name;
  }
}

/** Of what may be set: not of what handlers declare. */
export const jobTypeTag = ({ setLimits, retention, pause }: JobTypeDto): string =>
  tagOf([...settingsOf({ ...setLimits, ...retention }), pause?.since ?? null]);

const tagOfStored = (stored: StoredJobType): string => tagOf([...settingsOf(stored), stored.pausedAt]);

const settingsOf = (from: JobTypeLimitsDto & JobTypeDto['retention']) => [
  from.maxRunning,
  from.perMinute,
  from.keyMaxRunning,
  from.keyPerMinute,
  from.keepCompletedDays,
  from.keepFailedDays,
  from.keepCancelledDays,
];

function jobTypeOf(type: string, handler: JobType | undefined, row: JobTypeRow | undefined): JobTypeDto {
  const declaredLimits = handler ? limitsOf(handler.limits) : declaredElsewhere(row);
  const setLimits = setBy(row);
  return {
    type,
    aliases: [...(handler?.aliases ?? [])],
    queue: handler ? (handler.queue ?? 'default') : null,
    maxRetries: handler ? (handler.maxRetries ?? 3) : null,
    timeoutSeconds: handler?.timeoutSeconds ?? null,
    internal: handler?.internal ?? false,
    handled: handler !== undefined,
    declaredLimits,
    setLimits,
    effectiveLimits: {
      maxRunning: setLimits.maxRunning ?? declaredLimits.maxRunning,
      perMinute: setLimits.perMinute ?? declaredLimits.perMinute,
      keyMaxRunning: setLimits.keyMaxRunning ?? declaredLimits.keyMaxRunning ?? 1,
      keyPerMinute: setLimits.keyPerMinute ?? declaredLimits.keyPerMinute,
    },
    retention: {
      keepCompletedDays: row?.keepCompletedDays ?? null,
      keepFailedDays: row?.keepFailedDays ?? null,
      keepCancelledDays: row?.keepCancelledDays ?? null,
    },
    pause: row ? pauseOf(row) : null,
  };
}

const limitsOf = (limits: TypeLimits = {}): JobTypeLimitsDto => ({
  maxRunning: limits.running ?? null,
  perMinute: limits.perMinute ?? null,
  keyMaxRunning: limits.runningPerKey ?? null,
  keyPerMinute: limits.perMinutePerKey ?? null,
});

const declaredElsewhere = (row: JobTypeRow | undefined): JobTypeLimitsDto => ({
  maxRunning: row?.declaredMaxRunning ?? null,
  perMinute: row?.declaredPerMinute ?? null,
  keyMaxRunning: row?.declaredKeyMaxRunning ?? null,
  keyPerMinute: row?.declaredKeyPerMinute ?? null,
});

const setBy = (row: JobTypeRow | undefined): JobTypeLimitsDto => ({
  maxRunning: row?.maxRunning ?? null,
  perMinute: row?.perMinute ?? null,
  keyMaxRunning: row?.keyMaxRunning ?? null,
  keyPerMinute: row?.keyPerMinute ?? null,
});

const entryOf = (action: string, type: string, details: Record<string, unknown>): ControlChange => ({
  action,
  targetType: 'job-type',
  targetId: type,
  details,
});
