/** Caches in several processes on one database. */
import { CacheFlushes, Caches } from '../../../src/platform/caches/index.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { jobOnce } from './test-jobs.js';

let worker: TestApp;
let api: TestApp;
beforeAll(async () => {
  worker = await createTestApp({ worker: true });
  api = await createTestApp({ database: worker.db, population: worker });
  for (const { app } of [worker, api]) await app.get(CacheFlushes).runOnce(); // both have checked in
});
afterAll(async () => {
  await api.close();
  await worker.close();
});

const ask = (body: object, person: 'SystemAdmin' | 'OrgAdmin' = 'SystemAdmin') =>
  worker.as(person).request('POST', '/api/system/background-jobs', { body });

/** Lets the process that only answers requests take its look now, instead of within five seconds, until the job has ended. */
async function flush(body: object) {
  const { status, body: job } = await ask(body);
  expect(status).toBe(202);
  const done = new AbortController();
  const looking = (async () => {
    while (!done.signal.aborted) await api.app.get(CacheFlushes).runOnce();
  })();
  const ended = await jobOnce(worker.as('SystemAdmin'), job.id, 'completed');
  done.abort();
  await looking;
  return ended;
}
const disable = (yes: boolean) =>
  worker.db.owner.query(`update users set disabled_at = ${yes ? 'now()' : 'null'} where email = 'member@b.test'`);
const me = async (t: TestApp) => (await t.as('OtherMember').request('GET', '/api/auth/me')).status;

describe('a job of the type cache.flush', () => {
  it('makes every process forget, also those that run no jobs', async () => {
    expect([await me(worker), await me(api)]).toEqual([200, 200]);
    await disable(true);
    expect([await me(worker), await me(api)]).toEqual([200, 200]); // remembered
    const { result } = await flush({ jobType: 'cache.flush' });
    expect([await me(worker), await me(api)]).toEqual([401, 401]);
    expect(result).toMatchObject({ summary: '4 cache(s) flushed in 2 of 2 process(es)', silent: [] });
    expect(new Set(result.processes)).toEqual(
      new Set([worker, api].map(({ app }) => app.get(CacheFlushes).processName)),
    );
    expect(Object.keys(result.flushed).sort()).toEqual([
      'auth.accounts',
      'auth.api-keys',
      'auth.organizations',
      'jobs.queues',
    ]);
    expect(result.flushed['auth.accounts']).toBeGreaterThanOrEqual(3); // two of the member's, one of the administrator's
  });

  it('leaves alone what is not named, and answers to its old name', async () => {
    await disable(false);
    const { result } = await flush({ jobType: 'cache_flush', payload: { names: ['auth.api-keys'] } });
    expect(Object.keys(result.flushed)).toEqual(['auth.api-keys']);
    expect(await me(worker)).toBe(401); // still remembered
    await flush({ jobType: 'cache_flush', payload: { names: ['auth.accounts'] } });
    expect(await me(worker)).toBe(200);
  });

  it('is refused for a cache that there is not', async () => {
    const { status, body } = await ask({ jobType: 'cache.flush', payload: { names: ['auth.accounts', 'sessions'] } });
    expect([status, body.errors]).toEqual([
      422,
      [{ pointer: '/payload/names/1', message: expect.stringMatching(/^is no cache; there are auth\.accounts, /) }],
    ]);
  });

  it('goes on enqueueing while queues are forgotten', async () => {
    const { status } = await ask({ jobType: 'cache.flush', queue: 'default' });
    worker.app.get(Caches).flush(['jobs.queues']);
    expect(status).toBe(202);
    expect((await ask({ jobType: 'cache.flush', queue: 'default' })).status).toBe(202);
  });
});

describe('processes', () => {
  it('that do not answer are named, and no longer waited for once they are gone', async () => {
    const flushes = worker.app.get(CacheFlushes);
    await worker.db.owner.query(`insert into processes (name, seen_at, flushed) values ('asleep', carillon_now(), 0)`);
    const never = new AbortController().signal;
    const reports = await flushes.flushEverywhere(null, 200, never);
    expect(reports.find(({ name }) => name === 'asleep')).toMatchObject({ done: false });
    await worker.db.owner.query(
      `update processes set seen_at = carillon_now() - interval '16 s' where name = 'asleep'`,
    );
    expect((await flushes.flushEverywhere(null, 0, never)).map(({ name }) => name)).not.toContain('asleep');
  });

  it('sign out when they end', async () => {
    const third = await createTestApp({ database: worker.db, population: worker });
    await third.app.get(CacheFlushes).runOnce();
    const { processName } = third.app.get(CacheFlushes);
    const known = async () =>
      (await worker.db.owner.query(`select from processes where name = $1`, [processName])).rowCount;
    expect(await known()).toBe(1);
    await third.close();
    expect(await known()).toBe(0);
  });
});

describe('the registry of caches', () => {
  it('takes a name once', () => {
    const caches = new Caches();
    caches.register('a', new Map());
    expect(() => caches.register('a', new Map())).toThrow('there are two caches "a": each needs a name of its own');
  });
});
