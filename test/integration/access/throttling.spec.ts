import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import type pg from 'pg';
import { ThrottleStore } from '../../../src/auth/throttling/throttle-store.js';
import { systemClock } from '../../../src/platform/clock/clock.js';
import { RateLimit, RequireRole } from '../../../src/platform/http/index.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { people } from '../../support/test-population.js';

@Controller('limited')
@RequireRole('Member')
class LimitedController {
  @Post('settings')
  @RateLimit('settings')
  settings() {}

  @Post('settings-elsewhere')
  @RateLimit('settings')
  elsewhere() {}

  @Post('other')
  other(@Body() _body: unknown) {}

  @Post('unlimited')
  @RateLimit('unlimited')
  unlimited() {}

  @Get('read')
  read() {}
}
@Module({ controllers: [LimitedController] })
class LimitedModule {}

const limits = { THROTTLE_LOGIN: '5', THROTTLE_SETTINGS: '20', THROTTLE_MUTATIONS: '60' };

describe('throttling', () => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    const options = { environment: { ...limits, TRUSTED_PROXIES: '' }, modules: [LimitedModule] };
    app = await createTestApp(options);
    other = await createTestApp({ ...options, database: app.db, population: app });
    await Promise.all([app.accessToken('Member'), app.accessToken('OrgAdmin'), other.accessToken('Member')]);
  });
  beforeEach(async () => {
    await app.moveClock(0);
    await app.db.owner.query(`truncate throttle_counters`);
  });
  afterAll(async () => {
    await other.close();
    await app.close();
  });

  const times = async (count: number, work: () => Promise<{ status: number }>) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await work()).status);
    return statuses;
  };
  const login = (email: string, headers: Record<string, string> = {}, to = app) =>
    to.as('nobody').request('POST', '/api/auth/login', { body: { email, password: 'wrong' }, headers });
  const post = (name: string, to = app) => to.as('Member').request('POST', `/limited/${name}`, { body: {} });

  it('answers 429 to the sixth login within a minute, with the right password too, and lets go after it', async () => {
    expect(await times(5, () => login(people.Member.email))).toEqual([401, 401, 401, 401, 401]);
    const { email, password } = people.Member;
    const sixth = await app
      .as('nobody')
      .request('POST', '/api/auth/login', { body: { email: email.toUpperCase(), password } });
    expect(sixth).toMatchObject({ status: 429, body: { code: 'too_many_requests', status: 429 } });
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(Number(sixth.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await login('somebody.else@a.test')).status).toBe(401);
    await app.moveClock(61_000);
    expect((await login(email)).status).toBe(401);
  });

  it('does not believe a forwarded address of a proxy it does not trust', async () => {
    let n = 0;
    const statuses = await times(6, () => login('a@a.test', { 'x-forwarded-for': `203.0.113.${++n}` }));
    expect(statuses.at(-1)).toBe(429);
  });

  it('believes a trusted proxy, keeps addresses apart, and bounds an account and an address over all', async () => {
    const trusting = await createTestApp({
      environment: { ...limits, TRUSTED_PROXIES: '127.0.0.1' },
      database: app.db,
      population: app,
    });
    const from = (address: string) => ({ 'x-forwarded-for': address });
    expect(await times(6, () => login('b@a.test', from('203.0.113.1'), trusting))).toEqual([
      401, 401, 401, 401, 401, 429,
    ]);
    expect((await login('b@a.test', from('203.0.113.2'), trusting)).status).toBe(401);
    // what was blocked did not count against the account: 5 + 1 so far, 44 to go
    let n = 10;
    const many = await times(45, () => login('b@a.test', from(`203.0.113.${++n}`), trusting));
    expect(many.slice(0, 44)).toEqual(Array<number>(44).fill(401));
    expect(many[44]).toBe(429);
    let m = 0;
    const spraying = await times(51, () => login(`person${++m}@a.test`, from('198.51.100.1'), trusting));
    expect(spraying.indexOf(429)).toBe(50);
    await trusting.close();
  });

  it('shares one counter among processes, routes and faces of a limit: the 21st gets 429 wherever it arrives', async () => {
    expect(await times(7, () => post('settings'))).toEqual(Array<number>(7).fill(201));
    expect(await times(7, () => post('settings-elsewhere', other))).toEqual(Array<number>(7).fill(201));
    expect(await times(6, () => post('settings', other))).toEqual(Array<number>(6).fill(201));
    const [here, there] = [await post('settings'), await post('settings', other)];
    expect([here.status, there.status]).toEqual([429, 429]);
    expect(Number(here.headers.get('retry-after'))).toBeGreaterThan(0);
    const { status } = await app.as('OrgAdmin').request('POST', '/limited/settings', { body: {} });
    expect(status).toBe(201);
  });

  it('lets exactly as many through when they all come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => post('settings', i % 2 ? app : other)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
  });

  it('tells the limit on every limited answer, in the fields of the IETF draft', async () => {
    const first = await post('settings');
    expect(first.headers.get('ratelimit-policy')).toBe('"settings";q=20;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"settings";r=19;t=(59|60)$/);
    await times(19, () => post('settings'));
    const refused = await post('settings');
    expect(refused.headers.get('ratelimit')).toMatch(/^"settings";r=0;t=\d+$/);
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    const signingIn = await login('c@a.test');
    expect(signingIn.headers.get('ratelimit-policy')).toBe(
      '"login";q=5;w=60, "login-address";q=50;w=60, "login-account";q=50;w=60',
    );
  });

  it('counts every other mutation to sixty a minute, and no reads', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => post('other')));
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    expect((await post('other')).status).toBe(429);
    const read = await app.as('Member').request('GET', '/limited/read');
    expect([read.status, read.headers.get('ratelimit')]).toEqual([200, null]);
    expect((await post('unlimited')).status).toBe(201);
    expect((await post('settings')).status).toBe(201);
  });

  it('does not count calls that were refused for want of a role', async () => {
    await times(3, () => app.as('Member').request('POST', '/api/system/users', { body: {} }));
    const { rows } = await app.db.owner.query(`select * from throttle_counters`);
    expect(rows).toEqual([]);
  });

  it('keeps no email or address in its table, and clears away what is over', async () => {
    await login('secret.person@a.test');
    const { rows } = await app.db.owner.query<{ key: Buffer }>(`select key from throttle_counters`);
    expect(rows.map(({ key }) => key.length)).toEqual([16, 16, 16]);
    const store = app.app.get(ThrottleStore);
    expect(await store.prune()).toBe(0);
    await app.moveClock(61_000);
    expect(await store.prune()).toBe(3);
  });

  it('counts in its own memory while the database does not answer, so the door is neither open nor shut', async () => {
    const store = new ThrottleStore({ url: app.db.url.replace(/\/test_\w+$/, '/no_such_database') }, systemClock);
    const blocked: boolean[] = [];
    for (let i = 0; i < 6; i++) blocked.push((await store.increment('key', 60_000, 5, 60_000, 'login')).isBlocked);
    expect(blocked).toEqual([false, false, false, false, false, true]);
    await store.onApplicationShutdown();
  });
});

describe('the counters of requests', () => {
  it('are a table that carillon_app alone of the runtime roles can reach', async () => {
    const app = await createTestApp({ empty: true, environment: { ADMIN_PASSWORD: 'nobody signs in here' } });
    const reach = (pool: pg.Pool) => pool.query(`select count(*) from throttle_counters`);
    await expect(reach(app.db.as('carillon_app'))).resolves.toBeDefined();
    await expect(reach(app.db.as('carillon_platform'))).rejects.toThrow('permission denied');
    await app.close();
  });
});
