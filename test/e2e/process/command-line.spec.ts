import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killAll, removeFolders, startCarillon, temporaryFolder } from '../../support/carillon-process.js';
import { createEmptyDatabase, type EmptyDatabase } from '../../support/empty-database.js';
import { migrate, migrateDown, migrationClasses, provision } from '../../../src/platform/database/index.js';

afterEach(killAll);
afterAll(removeFolders);

async function run(line: string, env: Record<string, string> = {}) {
  const carillon = startCarillon(line.split(' ').filter(Boolean), { env });
  const { code } = await carillon.ended;
  return { code, stdout: carillon.stdout(), stderr: carillon.stderr() };
}

describe('carillon', () => {
  it.each(['', 'help', '--help', '-h'])('explains itself: "%s"', async (line) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of [
      'start',
      'api',
      'worker',
      'provision',
      'migrate',
      '--down N',
      '--verify',
      '--json',
      'Exit codes',
    ])
      expect(stdout).toContain(word);
  });

  it('ends with code 2 and a hint where it cannot know what is meant', async () => {
    expect(await run('migrat')).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^There is no command "migrat" \(did you mean migrate\?\)\..*\n$/),
    });
    expect((await run('migrate --verfy')).code).toBe(2);
    expect((await run('migrate --down 0')).code).toBe(2);
    expect((await run('migrate --down 1 --verify')).code).toBe(2);
    const { stderr } = await run('migrate --down x --json');
    expect(JSON.parse(stderr)).toEqual({ error: expect.stringContaining('--down needs a number') });
  });

  it.each(['start', 'migrate'])('%s lists all errors of the configuration, without a stack', async (command) => {
    const { code, stdout, stderr } = await run(command, { PORT: 'x', LOG_LEVEL: 'loud', WORKER_QUEUE: 'a' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([
      'The configuration has 3 problem(s):',
      expect.stringMatching(/^ {2}- WORKER_QUEUE is not a variable of Carillon: did you mean WORKER_QUEUES\?/),
      '  - PORT must be a whole number',
      expect.stringMatching(/^ {2}- LOG_LEVEL /),
    ]);
  });

  it('says in a line that the database cannot be reached, or refuses us, and never shows the password', async () => {
    const secrets = { JWT_SECRET: 'x'.repeat(40), SECRET_KEYS: `k:${Buffer.alloc(32, 'tests').toString('base64')}` };
    for (const command of ['migrate', 'start']) {
      const { code, stdout, stderr } = await run(command, {
        DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/x',
        ...secrets,
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^The database cannot be reached: .*127\.0\.0\.1:1\. Check DATABASE_URL.*\n$/);
      expect(stdout + stderr).not.toContain('hunter2');
    }
    const wrong = new URL(process.env.TEST_POSTGRES_URL!);
    wrong.password = 'hunter2';
    const { code, stderr } = await run('migrate', { DATABASE_URL: wrong.href });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database refuses us: password authentication failed .*\n$/);
  });

  it.each(['api', 'worker'])('%s wants a database that others share', async (command) => {
    const { code, stderr } = await run(command, { DATA_DIR: temporaryFolder() });
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL (or PGHOST) is needed for "api" and "worker"');
  });
});

describe('carillon migrate', () => {
  let db: EmptyDatabase;
  const names = migrationClasses.map((migration) => migration.name);
  beforeEach(async () => {
    db = await createEmptyDatabase();
  });
  afterEach(() => db.drop());

  it('goes up, is verified, tells drift with code 1, and goes down', async () => {
    const env = { DATABASE_URL: db.url };
    expect((await run('provision', env)).stdout).toBe(
      'roles ready: carillon_app, carillon_platform, carillon_engine\n',
    );
    const before = await run('migrate --verify', env);
    expect(before.code).toBe(1);
    expect(before.stdout).toContain(`migration ${names[0]} has not run`);

    expect(JSON.parse((await run('migrate --json', env)).stdout)).toEqual({ migrated: names });
    expect(await run('migrate', env)).toEqual({ code: 0, stdout: 'nothing to be migrated\n', stderr: '' });
    expect(await run('migrate --verify', env)).toEqual({
      code: 0,
      stdout: 'the schema is what the migrations promise\n',
      stderr: '',
    });

    await db.owner.query(`alter table users drop column phone cascade`);
    const drifted = await run('migrate --verify --json', env);
    expect(drifted.code).toBe(1);
    expect(JSON.parse(drifted.stdout)).toMatchObject({
      ok: false,
      differences: expect.arrayContaining(['column users.phone is missing (promised: text)']),
    });

    expect(JSON.parse((await run('migrate --down 2 --json', env)).stdout)).toEqual({
      reverted: names.toReversed().slice(0, 2),
    });
  });

  it('killed in the middle of a migration leaves nothing half done, and the next run finishes', async () => {
    const env = { DATABASE_URL: db.url };
    await provision(db);
    await migrate(db);
    await migrateDown(db, names.length - 1);
    // the first is done; a later one that refers to organizations waits for us, in the middle of its transaction
    const holder = await db.owner.connect();
    await holder.query(`begin; lock table organizations in access exclusive mode`);
    const migrating = startCarillon(['migrate'], { env });
    await untilWaitingForLock(db);
    migrating.kill('SIGKILL');
    await migrating.ended;
    await holder.query('rollback');
    holder.release();

    const { rows } = await db.owner.query<{ name: string }>(`select name from migrations order by id`);
    expect(rows.length).toBeLessThan(names.length);
    expect(rows[0]?.name).toBe(names[0]);
    expect((await run('migrate', env)).code).toBe(0);
    expect((await run('migrate --verify', env)).code).toBe(0);
  });

  it('of two processes at the same time one works and the other waits', async () => {
    const env = { DATABASE_URL: db.url };
    await run('provision', env);
    const both = await Promise.all([run('migrate --json', env), run('migrate --json', env)]);
    expect(both.map(({ code, stderr }) => ({ code, stderr }))).toEqual([1, 2].map(() => ({ code: 0, stderr: '' })));
    const lengths = both.map(({ stdout }) => (JSON.parse(stdout) as { migrated: string[] }).migrated.length);
    expect(lengths.sort((a, b) => a - b)).toEqual([0, names.length]);
  });

  it('works on the embedded database, too, and is refused while it runs', async () => {
    const DATA_DIR = temporaryFolder();
    expect((await run('migrate', { DATA_DIR })).stdout).toContain(`migrated ${names[0]}`);
    expect((await run('migrate --verify', { DATA_DIR })).code).toBe(0);
    const carillon = startCarillon(['start'], { env: { DATA_DIR } });
    await carillon.output(/listening on/);
    const refused = await run('migrate', { DATA_DIR });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${path.join(DATA_DIR, 'postgres')} is in use by process ${carillon.pid}`);
  });
});

async function untilWaitingForLock(db: EmptyDatabase): Promise<void> {
  for (;;) {
    const { rows } = await db.owner.query(
      `select from pg_locks where not granted and locktype = 'relation'
         and database = (select oid from pg_database where datname = current_database())`,
    );
    if (rows.length > 0) return;
    await delay(20);
  }
}
