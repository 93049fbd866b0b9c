import { migrate, provision } from '../../../src/platform/database/index.js';
import { killAll, startCarillon, untilListening } from '../../support/carillon-process.js';
import { createEmptyDatabase, type EmptyDatabase } from '../../support/empty-database.js';
import { listens } from '../../support/process-table.js';

describe('processes that share a database', () => {
  let db: EmptyDatabase;
  let env: Record<string, string>;
  beforeAll(async () => {
    db = await createEmptyDatabase();
    await provision(db);
    await migrate(db);
    const SECRET_KEYS = `tests:${Buffer.alloc(32, 'tests of processes').toString('base64')}`;
    env = { DATABASE_URL: db.url, JWT_SECRET: 'a secret of the tests, long enough to sign with', SECRET_KEYS };
  });
  afterEach(killAll);
  afterAll(() => db.drop());

  it('a worker runs without HTTP, and ends with code 0 when it is told to', async () => {
    const worker = startCarillon(['worker'], { env });
    await worker.output(/worker ready/);
    expect(listens(worker.pid)).toBe(false);
    worker.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect(worker.stderr()).toBe('');
  });

  it('an API listens, and several start side by side', async () => {
    const all = [1, 2].map(() => startCarillon(['api'], { env }));
    const urls = await Promise.all(all.map(untilListening));
    expect(new Set(urls).size).toBe(2);
    expect(all.map(({ pid }) => listens(pid))).toEqual([true, true]);
    for (const url of urls) expect((await fetch(`${url}/livez`)).status).toBe(200);
    for (const one of all) one.kill('SIGTERM');
    expect(await Promise.all(all.map((one) => one.ended))).toEqual([1, 2].map(() => ({ code: 0, signal: null })));
  });
});
