import pg from 'pg';
import {
  differences,
  migrate,
  migrateDown,
  migrationClasses,
  NotProvisioned,
  provision,
  readCatalog,
  verifySchema,
} from '../../../src/platform/database/index.js';
import { createEmptyDatabase, type EmptyDatabase } from '../../support/empty-database.js';

describe('migrations', () => {
  let db: EmptyDatabase;
  const names = migrationClasses.map((migration) => migration.name);
  beforeEach(async () => {
    db = await createEmptyDatabase();
  });
  afterEach(() => db.drop());

  it('make what is promised, take everything back, and make the same again', async () => {
    const before = await readCatalog(db.owner);
    expect(await migrate(db)).toEqual(names);
    expect(await verifySchema(db)).toEqual([]);
    const made = await readCatalog(db.owner);

    expect(await migrateDown(db, names.length + 5)).toEqual(names.toReversed());
    expect(differences(before, await readCatalog(db.owner))).toEqual([]);

    expect(await migrate(db)).toEqual(names);
    expect(differences(made, await readCatalog(db.owner))).toEqual([]);
  });

  it('each go down to what was there before it, and up again', async () => {
    const stages = [await readCatalog(db.owner)];
    for (const name of names) {
      await runOne(db, name);
      stages.push(await readCatalog(db.owner));
    }
    for (const [i, name] of [...names.entries()].toReversed()) {
      expect(await migrateDown(db, 1)).toEqual([name]);
      expect({ name, left: differences(stages[i]!, await readCatalog(db.owner)) }).toEqual({ name, left: [] });
    }
    expect(await migrateDown(db, 1)).toEqual([]);
  });

  it('run once where two start at the same time: one works, the other waits and finds nothing to do', async () => {
    const [a, b] = await Promise.all([migrate(db), migrate(db)]);
    expect([a, b].map((ran) => ran.length).sort((x, y) => x - y)).toEqual([0, names.length]);
    expect(await verifySchema(db)).toEqual([]);
  });

  it('name the roles and the way to make them where the database has none', async () => {
    const login = await db.createLogin('nosuperuser nocreaterole');
    await expect(migrate(login)).rejects.toThrow(NotProvisioned);
    await expect(migrate(login)).rejects.toThrow(/carillon provision[\s\S]*grant carillon_app to/);
    await expect(provision(login)).rejects.toThrow(NotProvisioned);
  });

  it('run for a login that owns its database and nothing else, once an administrator has granted it the roles', async () => {
    const login = await db.createLogin('nosuperuser createrole');
    const owner = new URL(login.url).username;
    await db.owner.query(`grant carillon_app, carillon_platform, carillon_engine to ${owner}`);
    await db.owner.query(`alter database ${db.name} owner to ${owner}`);
    await db.owner.query(`alter schema public owner to ${owner}`);
    await provision(login);
    expect(await migrate(login)).toEqual(names);
    expect(await verifySchema(login)).toEqual([]);
    const app = new pg.Client({ connectionString: login.url, options: '-c role=carillon_app' });
    await app.connect();
    expect((await app.query(`select * from users`)).rows).toEqual([]);
    await app.end();
    expect(await migrateDown(login, names.length)).toHaveLength(names.length);
  });
});

describe('roles', () => {
  it('are made once however many provision at the same time', async () => {
    const databases = await Promise.all([1, 2].map(() => createEmptyDatabase()));
    await Promise.all(databases.flatMap((db) => [provision(db), provision(db), provision(db)]));
    await Promise.all(databases.map((db) => db.drop()));
    expect(databases).toHaveLength(2);
  });
});

/** The migrator runs all; one by one goes by hand, in the same way: one transaction, then the mark. */
async function runOne(db: EmptyDatabase, name: string): Promise<void> {
  const migration = migrationClasses.find((m) => m.name === name)!;
  const client = await db.owner.connect();
  try {
    await client.query(
      `create table if not exists migrations (id serial primary key, timestamp bigint not null, name varchar not null)`,
    );
    await client.query('begin');
    const runner = { query: async (text: string, values?: unknown[]) => (await client.query(text, values)).rows };
    await new migration().up(runner as never);
    await client.query(`insert into migrations (timestamp, name) values ($1, $2)`, [/\d+$/.exec(name)?.[0], name]);
    await client.query('commit');
  } finally {
    client.release();
  }
}
