import { type BeforeApplicationShutdown, Controller, Get, Injectable } from '@nestjs/common';
import { type Config, loadConfig } from '../../../src/platform/config/index.js';
import { Database, DatabaseModule } from '../../../src/platform/database/index.js';
import { HealthModule } from '../../../src/platform/health/health.module.js';
import { PlatformModule } from '../../../src/platform/platform.module.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { type SmallApp, startSmallApp } from './small-app.js';

/** A loop that takes its time to stop, as a worker does; the test says when it has. */
@Injectable()
class SlowLoop implements BeforeApplicationShutdown {
  finish = () => {};
  private readonly finished = new Promise<void>((resolve) => (this.finish = resolve));
  stopping = false;
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    await this.finished;
  }
}

@Controller()
class Data {
  constructor(private readonly database: Database) {}
  @Get('data') read() {
    return this.database.withoutOrganization((tx) => tx.query('select 1 as one'));
  }
}

describe('health', () => {
  let db: TestDatabase;
  let small: SmallApp;
  const config: Config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent', DATABASE_POOL_SIZE: '2' });
  const start = (url: string) =>
    startSmallApp([Data], {
      imports: [
        PlatformModule.forRoot(config, { url }, { api: true, worker: false }),
        DatabaseModule.forRoot([]),
        HealthModule,
      ],
      providers: [SlowLoop],
    });

  beforeEach(async () => {
    db = await createTestDatabase();
    small = await start(db.url);
  });
  afterEach(async () => {
    small.app.get(SlowLoop).finish();
    await small.close();
    await db.drop();
  });

  it('is alive and ready when all is well', async () => {
    expect(await small.call('GET', '/livez')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await small.call('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('is not ready while migrations are missing, and ready again after them', async () => {
    const { rows } = await db.owner.query(
      `delete from migrations where id = (select max(id) from migrations) returning *`,
    );
    const answer = await small.call('GET', '/readyz');
    expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'migrations_pending',
      '5',
    ]);
    await db.owner.query(`insert into migrations values ($1, $2, $3)`, Object.values(rows[0]));
    expect((await small.call('GET', '/readyz')).status).toBe(200);
  });

  it('is alive but not ready while the database lets nobody in, and answers requests with 503', async () => {
    const name = new URL(db.url).pathname.slice(1);
    const lock = `alter database ${name} with allow_connections`;
    const postgres = db.url.replace(/\/[^/]*$/, '/postgres');
    await administer(postgres, [
      `${lock} false`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
    ]);
    try {
      const [live, ready, data] = await Promise.all(
        ['/livez', '/readyz', '/data'].map((path) => small.call('GET', path)),
      );
      expect(live!.status).toBe(200);
      expect([ready!.status, ready!.body.code]).toEqual([503, 'database_unreachable']);
      expect([data!.status, data!.body.code, data!.headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    } finally {
      await administer(postgres, [`${lock} true`]);
    }
    expect((await small.call('GET', '/readyz')).status).toBe(200);
    expect((await small.call('GET', '/data')).status).toBe(200);
  });

  it('stays alive and ready with the request pool exhausted, refuses what cannot be served in time, and recovers', async () => {
    let free = () => {};
    const held = new Promise<void>((resolve) => (free = resolve));
    const database = small.app.get(Database);
    const holders = Array.from({ length: 2 }, () => database.withoutOrganization(async () => held));
    const refused = small.call('GET', '/data');
    expect((await small.call('GET', '/livez')).status).toBe(200);
    expect((await small.call('GET', '/readyz')).status).toBe(200);
    const { status, headers } = await refused;
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    free();
    await Promise.all(holders);
    expect((await small.call('GET', '/data')).status).toBe(200);
  });

  it('is not ready once the shutdown has begun, and goes on serving until the loops have stopped', async () => {
    const loop = small.app.get(SlowLoop);
    const closing = small.close();
    while (!loop.stopping) await new Promise(setImmediate);
    const { status, body } = await small.call('GET', '/readyz');
    expect([status, body.code]).toEqual([503, 'draining']);
    expect((await small.call('GET', '/data')).status).toBe(200);
    loop.finish();
    await closing;
    await expect(small.call('GET', '/livez')).rejects.toThrow('fetch failed');
  });

  async function administer(url: string, statements: string[]): Promise<void> {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }
});
