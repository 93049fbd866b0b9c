import { Database, type Transaction } from '../platform/database/index.js';
import type { Principal } from '../platform/http/index.js';

/**
 * Runs `work` over the jobs within the principal's reach: those of its organisation, whose id the statement then names so that
 * the planner knows it, or those of all.
 */
export function withinReachOf<T>(
  principal: Principal,
  database: Database,
  work: (tx: Transaction, organizationId: string | undefined) => Promise<T>,
): Promise<T> {
  if (principal.allOrganizations) return database.acrossOrganizations((tx) => work(tx, undefined));
  const { organizationId } = principal;
  return database.withOrganization(organizationId, (tx) => work(tx, organizationId));
}
