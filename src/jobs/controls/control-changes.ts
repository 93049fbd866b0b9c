import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { Database, type SqlExecutor } from '../../platform/database/index.js';
import type { Principal } from '../../platform/http/index.js';

/** Who changes a control, from where, and on which condition (`If-Match`). */
export interface ControlCaller {
  principal: Principal;
  origin: Origin;
  ifMatch?: string;
}

/** What was changed, for the audit log; null where nothing was. */
export interface ControlChange {
  action: string;
  targetType: string;
  targetId: string;
  details?: Record<string, unknown>;
  /** Whose log it goes to; the caller's organisation where it concerns the installation. */
  organizationId?: string;
}

/**
 * Changes what withholds jobs: the installation's tables, as carillon_engine, with the audit record in the same transaction. The claim
 * and the gates read the tables each time, and triggers tell them of a change when it is committed (check_all_gates).
 */
@Injectable()
export class ControlChanges {
  constructor(private readonly database: Database) {}

  async make(
    { principal, origin }: ControlCaller,
    change: (sql: SqlExecutor) => Promise<ControlChange | null>,
  ): Promise<void> {
    await this.database.asEngine(async (sql) => {
      const made = await change(sql);
      if (made === null) return;
      const { organizationId = principal.organizationId, ...entry } = made;
      await recordAudit(sql, principal, organizationId, { ...entry, ...origin });
    });
  }
}

/** The version of settings whose table keeps none: the same settings have the same tag, whatever they were in between. */
export const tagOf = (settings: object): string =>
  createHash('sha256').update(JSON.stringify(settings)).digest('base64url').slice(0, 16);

/** `a = $2, b = $3` of the fields that are given, by the table that names their columns; null where none is. */
export function assignmentsOf<Field extends string>(
  changes: Partial<Record<Field, unknown>>,
  columns: Readonly<Record<Field, string>>,
  firstValue: number,
): { fields: Field[]; columns: string[]; placeholders: string[]; values: unknown[] } | null {
  const fields = (Object.keys(columns) as Field[]).filter((field) => changes[field] !== undefined);
  if (fields.length === 0) return null;
  return {
    fields,
    columns: fields.map((field) => columns[field]),
    placeholders: fields.map((_, index) => `$${firstValue + index}`),
    values: fields.map((field) => changes[field]),
  };
}
