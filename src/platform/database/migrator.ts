import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import * as migrations from '../../../migrations/index.js';
import type { DatabaseAddress } from '../config/index.js';
import { connectionOptions } from './connections.js';

/** Any fixed number; two starts on one database meet here, one migrates and the other waits. */
const migrationLock = 7_000_001;

/** Runs every pending migration, each in its own transaction, so that one killed midway is taken up again. Answers the names it ran. */
export function migrate(address: DatabaseAddress): Promise<string[]> {
  return underLock(address, async (source) => {
    const ran = await source.runMigrations({ transaction: 'each' });
    return ran.map((migration) => migration.name);
  });
}

/** Takes back the last `count` migrations. */
export function migrateDown(address: DatabaseAddress, count: number): Promise<void> {
  return underLock(address, async (source) => {
    for (let i = 0; i < count; i++) await source.undoLastMigration({ transaction: 'each' });
  });
}

/** Names of the migrations that have not run yet; takes no lock and changes nothing. */
export async function pendingMigrations(client: pg.ClientBase | pg.Pool): Promise<string[]> {
  const { rows: tables } = await client.query<{ present: boolean }>(
    `select to_regclass('migrations') is not null as present`,
  );
  const { rows } = tables[0]?.present
    ? await client.query<{ name: string }>(`select name from migrations`)
    : { rows: [] };
  const done = new Set(rows.map((row) => row.name));
  return migrationClasses.map((migration) => migration.name).filter((name) => !done.has(name));
}

export const migrationClasses = Object.values(migrations);

async function underLock<T>(address: DatabaseAddress, work: (source: DataSource) => Promise<T>): Promise<T> {
  const guard = new pg.Client(connectionOptions(address));
  guard.on('error', () => undefined); // the next statement reports it
  await guard.connect();
  try {
    await guard.query(`select pg_advisory_lock($1)`, [migrationLock]);
    const source = new DataSource(ownerOptions(address));
    await source.initialize();
    try {
      return await work(source);
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
