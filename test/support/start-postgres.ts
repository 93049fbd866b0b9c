/** Jest's global setup: one embedded PostgreSQL for the run, and in it a migrated template that each test file copies. */
import './resolve-typescript.cjs';
import { mkdtempSync, chmodSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '../../src/platform/database/embedded/embedded-postgres.js';
import { migrate, provision } from '../../src/platform/database/index.js';
import { makeClockMovable } from './movable-clock.js';
import { templateDatabase } from './template-database.js';

declare global {
  var embeddedPostgres: { server: EmbeddedPostgres; home: string } | undefined;
}

export default async function startPostgres(): Promise<void> {
  if (process.env.TEST_POSTGRES_URL) return; // another project of this run has started it
  const home = mkdtempSync(path.join(os.tmpdir(), 'carillon-test-'));
  chmodSync(home, 0o755);
  // fsync off: these databases need not survive a power cut, and every test file makes one
  const server = new EmbeddedPostgres({ home, settings: { fsync: 'off', max_connections: '200' } });
  const { url } = await server.start();
  globalThis.embeddedPostgres = { server, home };
  process.env.TEST_POSTGRES_URL = url;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`create database ${templateDatabase}`);
  await admin.end();
  const address = { url: url.replace(/\/postgres$/, `/${templateDatabase}`) };
  await provision(address);
  await migrate(address);
  await makeClockMovable(address.url);
}
