import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { Config, DatabaseAddress } from '../config/index.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import { embeddedHome } from './embedded/embedded-home.js';
import { migrate } from './migrator.js';
import { provision } from './provisioner.js';

export interface OpenDatabase {
  address: DatabaseAddress;
  /** Stops the embedded server; nothing for an external one. */
  close(): Promise<void>;
}

type Log = (line: string) => void;

/**
 * The configured database, or the embedded one started; migrated either way.
 * @throws NotProvisioned when the runtime roles are missing
 * @throws FolderInUse when another process runs the embedded one
 */
export async function openDatabase(config: Config, log: Log, onCrash: (reason: string) => void): Promise<OpenDatabase> {
  const database = await reachDatabase(config, log, onCrash);
  try {
    const ran = await migrate(database.address);
    if (ran.length > 0) log(`ran ${ran.length} migration(s), up to ${ran.at(-1)}`);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Runs one command's work on the database as it is, not migrated; an embedded server is started for it and ended. */
export async function withDatabaseAddress<T>(
  config: Config,
  work: (address: DatabaseAddress) => Promise<T>,
): Promise<T> {
  const ignore = () => undefined; // a crash meanwhile is seen by the work's own connection
  const database = await reachDatabase(config, ignore, ignore);
  try {
    return await work(database.address);
  } finally {
    await database.close();
  }
}

async function reachDatabase(config: Config, log: Log, onCrash: (reason: string) => void): Promise<OpenDatabase> {
  if (config.database.address) return { address: config.database.address, close: async () => {} };
  const home = embeddedHome(config.dataDir);
  const server = new EmbeddedPostgres({ home, log, onCrash });
  const { url } = await server.start();
  log(`no DATABASE_URL: using the embedded PostgreSQL in ${home}${whyElsewhere(config.dataDir, home)}`);
  try {
    await provision({ url });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { address: { url }, close: () => server.stop() };
}

function whyElsewhere(dataDir: string, home: string): string {
  if (path.dirname(home) === dataDir) return '';
  return ` (PostgreSQL does not run as root, and its own user cannot enter ${realpathSync(dataDir)})`;
}
