/** The four columns in which each table of controls keeps its pause, and the name of who paused. */
import type { PauseDto } from './control.dto.js';

export interface PauseColumns {
  pausedAt: Date | null;
  pausedBy: string | null;
  pausedByName: string | null;
  pausedReason: string | null;
}

/** For a select from `table`, with the user joined as `pauser` (`joinPauser`). */
export const pauseColumns = (table: string) =>
  `${table}.paused_at as "pausedAt", ${table}.paused_by as "pausedBy", pauser.name as "pausedByName",
   ${table}.paused_reason as "pausedReason"`;

/** Row-level security decides whose name the reader may know. */
export const joinPauser = (table: string) => `left join users pauser on pauser.id = ${table}.paused_by`;

export function pauseOf({ pausedAt, pausedBy, pausedByName, pausedReason }: PauseColumns): PauseDto | null {
  if (pausedAt === null) return null;
  return { since: pausedAt, by: pausedBy === null ? null : { id: pausedBy, name: pausedByName }, reason: pausedReason };
}

export const setPause = `paused_at = carillon_now(), paused_by = $2, paused_reason = $3`;
export const setResume = `paused_at = null, paused_by = null, paused_reason = null`;
