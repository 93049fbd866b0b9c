/** A database for one run of the benchmarks: full schema, durable commits, gone afterwards. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres } from '../src/platform/database/embedded/embedded-postgres.js';
import { migrate, openPool, provision } from '../src/platform/database/index.js';

export interface BenchDatabase {
  url: string;
  owner: pg.Pool;
  /** As carillon_engine. */
  engine: pg.Pool;
  /** Version and the settings that decide what a commit costs. */
  description: Record<string, string>;
  close(): Promise<void>;
}

/** An embedded server of its own, or, with DATABASE_URL, a scratch database on that server. Refuses to measure without durability. */
export async function openBenchDatabase(serverUrl: string | undefined): Promise<BenchDatabase> {
  const server = serverUrl ? { url: serverUrl, stop: async () => {} } : await startServer();
  const name = `carillon_bench_${randomBytes(4).toString('hex')}`;
  await administer(server.url, `create database ${name}`);
  const url = withDatabase(server.url, name);
  await provision({ url });
  await migrate({ url });
  const owner = new pg.Pool({ connectionString: url, max: 2 });
  const engine = openPool({ url }, 'carillon_engine', 8, () => undefined);
  return {
    url,
    owner,
    engine,
    description: await describe(owner),
    async close() {
      await Promise.all([owner.end(), engine.end()]);
      await administer(server.url, `drop database ${name} with (force)`);
      await server.stop();
    },
  };
}

async function startServer() {
  const home = mkdtempSync(path.join(os.tmpdir(), 'carillon-bench-'));
  chmodSync(home, 0o755); // as root the server runs as another user
  const server = new EmbeddedPostgres({ home });
  const { url } = await server.start();
  return {
    url,
    async stop() {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function describe(pool: pg.Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers')`,
  );
  const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  for (const needed of ['fsync', 'synchronous_commit'])
    if (settings[needed] !== 'on')
      throw new Error(`${needed} is ${settings[needed]}: figures without durable commits say nothing`);
  return settings;
}

/** Another database on the server of `url`, for a peer; it goes with the server, or stays until the next of its name. */
export async function makeDatabase(url: string, name: string): Promise<string> {
  const database = `bench_peer_${name}`;
  await administer(url, `drop database if exists ${database} with (force)`);
  await administer(url, `create database ${database}`);
  return withDatabase(url, database);
}

function withDatabase(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
