import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openPool } from '../../src/platform/database/connections.js';
import type { DatabaseRole } from '../../src/platform/database/roles.js';
import { templateDatabase } from './template-database.js';

/** A database of its own for one test file, copied from the migrated template. */
export interface TestDatabase {
  url: string;
  /** Connections of the schema's owner, who passes row-level security. */
  owner: pg.Pool;
  /** A pool as one of the runtime roles; ended with the database. */
  as(role: DatabaseRole): pg.Pool;
  drop(): Promise<void>;
}

export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('TEST_POSTGRES_URL is missing: this test belongs to a project with globalSetup');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name} template ${templateDatabase}`);
  const url = server.replace(/\/postgres$/, `/${name}`);
  const ignore = () => undefined; // a test that cuts connections sees the failure in its own query
  const owner = new pg.Pool({ connectionString: url, max: 5 });
  owner.on('error', ignore);
  const pools = [owner];
  return {
    url,
    owner,
    as(role) {
      const pool = openPool({ url }, role, 5, ignore);
      pools.push(pool);
      return pool;
    },
    async drop() {
      await Promise.all(pools.map((pool) => pool.end()));
      await administer(server, `drop database ${name} with (force)`);
    },
  };
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
