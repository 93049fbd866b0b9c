import { Injectable } from '@nestjs/common';
import { Database, type SqlExecutor } from '../../platform/database/index.js';
import { conflict, matchVersion, notFound } from '../../platform/http/index.js';
import { type ControlCaller, type ControlChange, ControlChanges, tagOf } from '../controls/control-changes.js';
import { pauseOf } from '../controls/pause.js';
import {
  changeJobControls,
  jobControlsOf,
  type JobControlsRow,
  lockJobControls,
  pauseOrganization,
  resumeOrganization,
  type StoredJobControls,
} from './organization-control-statements.js';
import type { ChangeJobControlsDto, JobControlsDto } from './organization-controls.dto.js';

/** What organisations may take of the engine. Limits are set by a SystemAdmin; an OrgAdmin reads its own, and may pause its own jobs. */
@Injectable()
export class OrganizationControls {
  constructor(
    private readonly database: Database,
    private readonly changes: ControlChanges,
  ) {}

  /** @throws Problem 404. */
  async of({ principal }: ControlCaller, organizationId: string): Promise<JobControlsDto> {
    const row = await (principal.role === 'SystemAdmin'
      ? this.database.acrossOrganizations((tx) => jobControlsOf(tx, organizationId))
      : this.database.withOrganization(organizationId, (tx) => jobControlsOf(tx, organizationId)));
    if (!row) throw notFound('organisation');
    return answerOf(row);
  }

  /** @throws Problem 404, 412. */
  change(caller: ControlCaller, organizationId: string, changes: ChangeJobControlsDto): Promise<JobControlsDto> {
    return this.make(caller, organizationId, async (sql, { org, pausedAt: _p, pausedByPlatform: _b, ...before }) => {
      if (!(await changeJobControls(sql, org, changes))) return null;
      return entryOf('job-controls.changed', organizationId, { ...changes, before });
    });
  }

  /** @throws Problem 404, 412; 409 `paused_by_platform` where an OrgAdmin would write over a SystemAdmin's pause. */
  pause(caller: ControlCaller, organizationId: string, reason: string): Promise<JobControlsDto> {
    return this.make(caller, organizationId, async (sql, before) => {
      mayLift(caller, before);
      await pauseOrganization(sql, before.org, caller.principal.id, reason);
      return entryOf('job-controls.paused', organizationId, { reason });
    });
  }

  /** @throws Problem 404, 412; 409 `paused_by_platform` where an OrgAdmin would lift a SystemAdmin's pause. */
  resume(caller: ControlCaller, organizationId: string): Promise<JobControlsDto> {
    return this.make(caller, organizationId, async (sql, before) => {
      if (before.pausedAt === null) return null;
      mayLift(caller, before);
      await resumeOrganization(sql, before.org);
      return entryOf('job-controls.resumed', organizationId, { pausedSince: before.pausedAt });
    });
  }

  private async make(
    caller: ControlCaller,
    organizationId: string,
    work: (sql: SqlExecutor, before: StoredJobControls) => Promise<ControlChange | null>,
  ): Promise<JobControlsDto> {
    await this.changes.make(caller, async (sql) => {
      const before = await lockJobControls(sql, organizationId);
      if (!before) throw notFound('organisation');
      matchVersion(caller.ifMatch, tagOf([...settingsOf(before), before.pausedAt]));
      return work(sql, before);
    });
    return this.of(caller, organizationId);
  }
}

/** Of what may be set. */
export const jobControlsTag = ({ pause, ...settings }: JobControlsDto): string =>
  tagOf([...settingsOf(settings), pause?.since ?? null]);

const settingsOf = (from: Omit<JobControlsDto, 'pause' | 'organizationId' | 'organizationName'>) => [
  from.weight,
  from.maxRunning,
  from.perMinute,
  from.maxQueued,
  from.maxQueuedBytes,
];

/** What was stopped to protect the installation is not started again by the organisation that it was protected from. */
function mayLift({ principal }: ControlCaller, { pausedByPlatform }: StoredJobControls): void {
  if (!pausedByPlatform || principal.role === 'SystemAdmin') return;
  throw conflict(
    'paused_by_platform',
    'The jobs of this organisation were paused by an administrator of the installation, who alone can resume them.',
  );
}

function answerOf({ pausedAt, pausedBy, pausedByName, pausedReason, ...controls }: JobControlsRow): JobControlsDto {
  return { ...controls, pause: pauseOf({ pausedAt, pausedBy, pausedByName, pausedReason }) };
}

const entryOf = (action: string, organizationId: string, details: Record<string, unknown>): ControlChange => ({
  action,
  targetType: 'organization',
  targetId: organizationId,
  organizationId,
  details,
});
