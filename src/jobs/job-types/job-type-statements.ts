/** Every statement about the controls of job types. */
import { rowsOf, type SqlExecutor, type Transaction } from '../../platform/database/index.js';
import { assignmentsOf } from '../controls/control-changes.js';
import { joinPauser, type PauseColumns, pauseColumns, setPause, setResume } from '../controls/pause.js';
import type { ChangeJobTypeDto } from './job-type.dto.js';

const columns = {
  maxRunning: 'max_running',
  perMinute: 'per_minute',
  keyMaxRunning: 'key_max_running',
  keyPerMinute: 'key_per_minute',
  keepCompletedDays: 'keep_completed_days',
  keepFailedDays: 'keep_failed_days',
  keepCancelledDays: 'keep_cancelled_days',
} as const;

type Settings = Record<keyof typeof columns, number | null>;
/** What the handler of a type that only other processes know has declared there. */
interface Declared {
  declaredMaxRunning: number | null;
  declaredPerMinute: number | null;
  declaredKeyMaxRunning: number | null;
  declaredKeyPerMinute: number | null;
}
export type StoredJobType = { type: string; pausedAt: Date | null } & Settings & Declared;
export type JobTypeRow = StoredJobType & PauseColumns;

const selected = `c.job_type as type, ${Object.entries(columns)
  .map(([field, column]) => `c.${column} as "${field}"`)
  .join(', ')}, c.declared_max_running as "declaredMaxRunning", c.declared_per_minute as "declaredPerMinute",
  c.declared_key_max_running as "declaredKeyMaxRunning", c.declared_key_per_minute as "declaredKeyPerMinute"`;

/** Types that have controls or declared limits; the others have no row. */
export function controlledTypes(tx: Transaction): Promise<JobTypeRow[]> {
  return rowsOf<JobTypeRow>(tx, `select ${selected}, ${pauseColumns('c')} from job_type_controls c ${joinPauser('c')}`);
}

/** The type's controls, locked. */
export async function lockJobType(sql: SqlExecutor, type: string): Promise<StoredJobType | undefined> {
  const text = `select ${selected}, c.paused_at as "pausedAt" from job_type_controls c where c.job_type = $1 for update`;
  return (await sql.query<StoredJobType>(text, [type])).rows[0];
}

export async function addJobType(sql: SqlExecutor, type: string): Promise<void> {
  await sql.query(`insert into job_type_controls (job_type) values ($1) on conflict do nothing`, [type]);
}

export async function changeJobType(sql: SqlExecutor, type: string, changes: ChangeJobTypeDto): Promise<boolean> {
  const given = assignmentsOf({ ...changes }, columns, 2);
  if (!given) return false;
  const assignments = given.columns.map((column, index) => `${column} = ${given.placeholders[index]}`);
  await sql.query(`update job_type_controls set ${assignments.join(', ')} where job_type = $1`, [
    type,
    ...given.values,
  ]);
  return true;
}

export async function pauseJobType(sql: SqlExecutor, type: string, by: string, reason: string): Promise<void> {
  await sql.query(`update job_type_controls set ${setPause} where job_type = $1`, [type, by, reason]);
}

export async function resumeJobType(sql: SqlExecutor, type: string): Promise<void> {
  await sql.query(`update job_type_controls set ${setResume} where job_type = $1`, [type]);
}
