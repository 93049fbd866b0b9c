/** Where a principal's calls go: into one organisation, or, for a SystemAdmin who named none, across all. */
import type { Database, Transaction } from '../database/index.js';
import { notFound, type Principal } from '../http/index.js';

/** Reads what the principal may see: rows of its organisation, or of every one through the platform role. */
export function readWithinReach<T>(
  database: Database,
  principal: Principal,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return principal.allOrganizations
    ? database.acrossOrganizations(work)
    : database.withOrganization(principal.organizationId, work);
}

/**
 * The organisation in whose transaction a single row is to be read or changed: the principal's, or that of the row, found everywhere.
 * @param find gives the organisation of the row, or undefined where there is none
 * @throws Problem 404 where there is no such row
 */
export async function organizationOfRow(
  database: Database,
  principal: Principal,
  what: string,
  find: (tx: Transaction) => Promise<string | undefined>,
): Promise<string> {
  if (!principal.allOrganizations) return principal.organizationId;
  const organizationId = await database.acrossOrganizations(find);
  if (organizationId === undefined) throw notFound(what);
  return organizationId;
}

/**
 * The organisation in which something new is made: the one named in the body by a SystemAdmin who acts across all, else the principal's.
 * @throws Problem 404 for an organisation that does not exist or that the principal does not act in
 */
export async function organizationOfNew(
  database: Database,
  principal: Principal,
  named: string | undefined,
): Promise<string> {
  if (named === undefined || named === principal.organizationId) return principal.organizationId;
  if (!principal.allOrganizations) throw notFound('organisation');
  const rows = await database.acrossOrganizations<unknown[]>((tx) =>
    tx.query(`select 1 from organizations where id = $1`, [named]),
  );
  if (rows.length === 0) throw notFound('organisation');
  return named;
}
