import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import * as migrations from '../../../migrations/index.js';
import type { DatabaseAddress } from '../config/index.js';
import { connectionOptions } from './connections.js';
import { missingRoles, NotProvisioned } from './provisioner.js';

/** Any fixed number; two starts on one database meet here, one migrates and the other waits. */
const migrationLock = 7_000_001;

/**
 * Runs every pending migration, each in its own transaction, so that one killed midway is taken up again. Answers the names it ran.
 * @throws NotProvisioned when the runtime roles are missing, to which migrations grant
 */
export async function migrate(address: DatabaseAddress): Promise<string[]> {
  const missing = await missingRoles(address);
  if (missing.length > 0) throw new NotProvisioned(missing);
  return underLock(address, async (source) => {
    const ran = await source.runMigrations({ transaction: 'each' });
    return ran.map((migration) => migration.name);
  });
}

/** Takes back the last `count` migrations, newest first, or as many as there are; answers their names. */
export function migrateDown(address: DatabaseAddress, count: number): Promise<string[]> {
  return underLock(address, async (source, client) => {
    const done = (await executedMigrations(client)).slice(-count).toReversed();
    for (const _ of done) await source.undoLastMigration({ transaction: 'each' });
    return done;
  });
}

/** Names of the migrations that have not run yet; takes no lock and changes nothing. */
export async function pendingMigrations(client: pg.ClientBase | pg.Pool): Promise<string[]> {
  const done = new Set(await executedMigrations(client));
  return migrationClasses.map((migration) => migration.name).filter((name) => !done.has(name));
}

/** In the order in which they ran; none in a database that was never migrated. */
async function executedMigrations(client: pg.ClientBase | pg.Pool): Promise<string[]> {
  const { rows: tables } = await client.query(`select where to_regclass('migrations') is not null`);
  if (tables.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(`select name from migrations order by id`);
  return rows.map((row) => row.name);
}

/** In the order in which they run: by the time in the name (a module lists its exports by the alphabet). */
export const migrationClasses = Object.values(migrations).sort((a, b) => timeIn(a.name) - timeIn(b.name));

function timeIn(name: string): number {
  return Number(/\d+$/.exec(name)?.[0]);
}

async function underLock<T>(
  address: DatabaseAddress,
  work: (source: DataSource, client: pg.Client) => Promise<T>,
): Promise<T> {
  const guard = new pg.Client(connectionOptions(address));
  guard.on('error', () => undefined); // the next statement reports it
  await guard.connect();
  try {
    await guard.query(`select pg_advisory_lock($1)`, [migrationLock]);
    const source = new DataSource(ownerOptions(address));
    await source.initialize();
    try {
      return await work(source, guard);
    } finally {
      await source.destroy();
    }
  } finally {
    await guard.end();
  }
}

function ownerOptions(address: DatabaseAddress): DataSourceOptions {
  const where =
    'url' in address
      ? { url: address.url }
      : {
          host: address.host,
          port: address.port,
          database: address.database,
          username: address.user,
          password: address.password,
        };
  return {
    type: 'postgres',
    ...where,
    migrations: migrationClasses,
    migrationsTableName: 'migrations',
    entities: [],
    extra: { max: 2 },
  };
}
