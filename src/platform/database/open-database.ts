import path from 'node:path';
import type { Config, DatabaseAddress } from '../config/index.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import { embeddedHome } from './embedded/embedded-home.js';
import { migrate } from './migrator.js';
import { missingRoles, provision } from './provisioner.js';

export interface OpenDatabase {
  address: DatabaseAddress;
  /** Stops the embedded server; nothing for an external one. */
  close(): Promise<void>;
}

/**
 * The configured database, or the embedded one started; migrated either way.
 * @throws when the runtime roles are missing, with the command that makes them
 */
export async function openDatabase(
  config: Config,
  log: (line: string) => void,
  onCrash: (reason: string) => void,
): Promise<OpenDatabase> {
  if (config.database.address) {
    const address = config.database.address;
    await prepare(address, log);
    return { address, close: async () => {} };
  }
  const home = embeddedHome(config.dataDir);
  if (home !== path.join(config.dataDir, 'postgres'))
    log(`running as root: the embedded database lives in ${home}, where its own user can read`);
  log('no DATABASE_URL: using the embedded PostgreSQL');
  const server = new EmbeddedPostgres({ home, log, onCrash });
  const { url } = await server.start();
  try {
    await provision({ url });
    await prepare({ url }, log);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { address: { url }, close: () => server.stop() };
}

async function prepare(address: DatabaseAddress, log: (line: string) => void): Promise<void> {
  const missing = await missingRoles(address);
  if (missing.length > 0)
    throw new Error(
      `the database has no role ${missing.join(', ')}: run "carillon provision" once with a login that may create roles`,
    );
  const ran = await migrate(address);
  if (ran.length > 0) log(`ran ${ran.length} migration(s), up to ${ran.at(-1)}`);
}
