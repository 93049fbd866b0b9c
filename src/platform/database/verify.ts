import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import { type Catalog, differences, readCatalog } from './catalog.js';
import { connectionOptions } from './connections.js';
import { pendingMigrations } from './migrator.js';

/**
 * Compares the live schema with what the migrations promise (migrations/promised-schema.json, read from a freshly migrated database by
 * `npm run generate`). Answers each difference in a sentence; pending migrations come first, for they explain the rest.
 */
export async function verifySchema(address: DatabaseAddress): Promise<string[]> {
  const client = new pg.Client(connectionOptions(address));
  client.on('error', () => undefined); // the statement under way reports it
  await client.connect();
  try {
    const pending = await pendingMigrations(client);
    const live = await readCatalog(client);
    return [...pending.map((name) => `migration ${name} has not run`), ...differences(promisedSchema(), live)];
  } finally {
    await client.end();
  }
}

/** The folder lies at the same place beside the sources and in dist/. */
function promisedSchema(): Catalog {
  const file = path.join(import.meta.dirname, '../../../migrations/promised-schema.json');
  return JSON.parse(readFileSync(file, 'utf8')) as Catalog;
}
