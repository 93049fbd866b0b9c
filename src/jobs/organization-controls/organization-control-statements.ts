/** Every statement about what an organisation may take of the engine. */
import { rowsOf, type SqlExecutor, type Transaction } from '../../platform/database/index.js';
import { assignmentsOf } from '../controls/control-changes.js';
import { joinPauser, type PauseColumns, pauseColumns, setPause, setResume } from '../controls/pause.js';
import type { ChangeJobControlsDto, JobControlsDto } from './organization-controls.dto.js';

export type JobControlsRow = Omit<JobControlsDto, 'pause'> & PauseColumns;

const settings = `coalesce(c.weight, 1) weight, c.max_running as "maxRunning", c.per_minute as "perMinute",
  c.max_queued as "maxQueued", c.max_queued_bytes::float8 as "maxQueuedBytes"`;

export async function jobControlsOf(tx: Transaction, organizationId: string): Promise<JobControlsRow | undefined> {
  const rows = await rowsOf<JobControlsRow>(
    tx,
    `select o.id as "organizationId", o.name as "organizationName", ${settings}, ${pauseColumns('c')}
       from organizations o left join organization_controls c on c.org = o.number ${joinPauser('c')} where o.id = $1`,
    [organizationId],
  );
  return rows[0];
}

export type StoredJobControls = Omit<JobControlsDto, 'pause' | 'organizationId' | 'organizationName'> & {
  org: number;
  pausedAt: Date | null;
  /** A SystemAdmin did. */
  pausedByPlatform: boolean;
};

/** The organisation's controls, made where there are none, and locked; undefined where there is no such organisation. */
export async function lockJobControls(
  sql: SqlExecutor,
  organizationId: string,
): Promise<StoredJobControls | undefined> {
  await sql.query(
    `insert into organization_controls (org) select number from organizations where id = $1 on conflict do nothing`,
    [organizationId],
  );
  const { rows } = await sql.query<StoredJobControls>(
    `select c.org, ${settings}, c.paused_at as "pausedAt",
       coalesce((select u.is_system_admin from users u where u.id = c.paused_by), c.paused_at is not null) as "pausedByPlatform"
     from organization_controls c where c.org = (select number from organizations where id = $1) for update of c`,
    [organizationId],
  );
  return rows[0];
}

const columns = {
  weight: 'weight',
  maxRunning: 'max_running',
  perMinute: 'per_minute',
  maxQueued: 'max_queued',
  maxQueuedBytes: 'max_queued_bytes',
} as const;

export async function changeJobControls(
  sql: SqlExecutor,
  org: number,
  changes: ChangeJobControlsDto,
): Promise<boolean> {
  const weight = changes.weight === null ? 1 : changes.weight;
  const given = assignmentsOf({ ...changes, weight }, columns, 2);
  if (!given) return false;
  const assignments = given.columns.map((column, index) => `${column} = ${given.placeholders[index]}`);
  await sql.query(`update organization_controls set ${assignments.join(', ')} where org = $1`, [org, ...given.values]);
  return true;
}

export async function pauseOrganization(sql: SqlExecutor, org: number, by: string, reason: string): Promise<void> {
  await sql.query(`update organization_controls set ${setPause} where org = $1`, [org, by, reason]);
}

export async function resumeOrganization(sql: SqlExecutor, org: number): Promise<void> {
  await sql.query(`update organization_controls set ${setResume} where org = $1`, [org]);
}
