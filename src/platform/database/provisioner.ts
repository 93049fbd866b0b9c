import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import { connectionOptions } from './connections.js';
import { databaseRoles } from './roles.js';

/**
 * Makes the cluster-wide runtime roles and lets the connected login assume them. Safe to repeat and to run twice at once.
 * @throws when the login may not create roles; the message says what to run.
 */
export async function provision(address: DatabaseAddress): Promise<void> {
  const client = new pg.Client(connectionOptions(address));
  await client.connect();
  try {
    for (const role of databaseRoles) {
      await client.query(
        `do $$ begin create role ${role} nologin; exception when duplicate_object or unique_violation then null; end $$`,
      );
      await client.query(`grant ${role} to current_user`);
    }
  } finally {
    await client.end();
  }
}

/** The roles that are missing, or that the login may not assume; none when the database is provisioned. */
export async function missingRoles(address: DatabaseAddress): Promise<string[]> {
  const client = new pg.Client(connectionOptions(address));
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select name from unnest($1::text[]) name where not exists
         (select from pg_roles where rolname = name and pg_has_role(current_user, oid, 'MEMBER'))`,
      [databaseRoles],
    );
    return rows.map((row) => row.name);
  } finally {
    await client.end();
  }
}
