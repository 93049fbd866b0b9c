import { v7 as uuidv7 } from 'uuid';
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

/** A transaction of a request, or of the engine (`Database.asEngine`). */
export interface AuditedTransaction {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/** Who acts: a principal, or the user whom a login is about to make one. */
export type AuditActor = Pick<Principal, 'kind' | 'id'>;

/** Writes who did what into the transaction that does it: no mutation without its record, and no record of what did not happen. */
export async function recordAudit(
  tx: AuditedTransaction,
  actor: AuditActor,
  organizationId: string,
  entry: AuditEntry,
): Promise<void> {
  await insert(tx, { type: actor.kind, id: actor.id }, organizationId, 'done', entry);
}

/** Writes what was refused, to a known caller (in a transaction of its organisation) or to nobody in particular. */
export async function recordRefusal(
  tx: AuditedTransaction,
  principal: Principal | null,
  entry: AuditEntry,
): Promise<void> {
  const actor = principal ? { type: principal.kind, id: principal.id } : { type: 'anonymous', id: null };
  await insert(tx, actor, principal?.organizationId ?? null, 'refused', entry);
}

async function insert(
  tx: AuditedTransaction,
  actor: { type: string; id: string | null },
  organizationId: string | null,
  outcome: 'done' | 'refused',
  entry: AuditEntry,
): Promise<void> {
  await tx.query(
    `insert into audit_log (id, organization_id, actor_type, actor_id, action, outcome, target_type, target_id, details, address, trace_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      uuidv7(),
      organizationId,
      actor.type,
      actor.id,
      entry.action,
      outcome,
      entry.targetType ?? null,
      entry.targetId ?? null,
      entry.details ?? {},
      entry.address ?? null,
      entry.traceId ?? null,
    ],
  );
}
