import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import { MendableError } from '../mendable-error.js';
import { connectionOptions } from './connections.js';
import { databaseRoles } from './roles.js';

/** The database lacks the runtime roles, and this login may not make them. */
export class NotProvisioned extends MendableError {
  constructor(missing: readonly string[]) {
    super(
      `The database has no role ${missing.join(', ')} that this login may assume: run "carillon provision" once with a login that may create roles, or as its administrator:\n${provisioningSql('<the login of DATABASE_URL>')}`,
    );
  }
}

const provisioningSql = (login: string) =>
  databaseRoles.map((role) => `  create role ${role} nologin; grant ${role} to ${login};`).join('\n');

/**
 * Makes the cluster-wide runtime roles and lets the connected login assume them. Safe to repeat and to run twice at once; where an
 * administrator has done it already, the login needs no rights for it.
 * @throws NotProvisioned when the login may not create roles; the message says what to run
 */
export async function provision(address: DatabaseAddress): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if ((await missingRoles(address)).length === 0) return;
    try {
      return await withClient(address, makeRoles);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === insufficientPrivilege) throw new NotProvisioned(await missingRoles(address));
      // two at once may meet in the catalog of memberships, also from different databases of one server, where no lock of ours reaches
      if (code !== internalError || attempt >= 5) throw error;
    }
  }
}

const insufficientPrivilege = '42501';
const internalError = 'XX000'; // "tuple concurrently updated"

async function makeRoles(client: pg.Client): Promise<void> {
  for (const role of databaseRoles) {
    await client.query(
      `do $$ begin
         if to_regrole('${role}') is null then create role ${role} nologin; end if;
       exception when duplicate_object or unique_violation then null; end $$`,
    );
    await client.query(`grant ${role} to current_user`);
  }
}

/** The roles that are missing, or that the login may not assume; none when the database is provisioned. */
export function missingRoles(address: DatabaseAddress): Promise<string[]> {
  return withClient(address, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select name from unnest($1::text[]) name where not exists
         (select from pg_roles where rolname = name and pg_has_role(current_user, oid, 'MEMBER'))`,
      [databaseRoles],
    );
    return rows.map((row) => row.name);
  });
}

async function withClient<T>(address: DatabaseAddress, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connectionOptions(address));
  client.on('error', () => undefined); // the statement under way reports it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
