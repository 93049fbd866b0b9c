import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../database/index.js';
import type { Principal } from '../http/index.js';

export interface AuditEntry {
  /** `<thing>.<what was done>`, e.g. `notification-settings.updated`. */
  action: string;
  targetType?: string;
  targetId?: string;
  /** What changed; never a secret. */
  details?: Record<string, unknown>;
  address?: string;
  traceId?: string;
}

/** Writes who did what into the transaction that does it: no mutation without its record, and no record of what did not happen. */
export async function recordAudit(
  tx: Transaction,
  principal: Principal,
  organizationId: string,
  entry: AuditEntry,
): Promise<void> {
  await tx.query(
    `insert into audit_log (id, organization_id, actor_type, actor_id, action, target_type, target_id, details, address, trace_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      uuidv7(),
      organizationId,
      principal.kind,
      principal.id,
      entry.action,
      entry.targetType ?? null,
      entry.targetId ?? null,
      entry.details ?? {},
      entry.address ?? null,
      entry.traceId ?? null,
    ],
  );
}
