import { SignJWT } from 'jose';
import { PrincipalStore } from '../../../src/auth/principals/principal-store.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { people } from '../../support/test-population.js';

const minutes = (count: number) => count * 60_000;

describe('sessions', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  beforeEach(() => app.moveClock(0));
  afterAll(() => app.close());

  const signIn = async (person: keyof typeof people = 'Member') => {
    const { email, password } = people[person];
    const { body } = await app.as('nobody').request('POST', '/api/auth/login', { body: { email, password } });
    return body as { accessToken: string; refreshToken: string };
  };
  const me = (accessToken: string) =>
    app.withHeaders({ authorization: `Bearer ${accessToken}` }).request('GET', '/api/auth/me');
  const refresh = (refreshToken: string) =>
    app.as('nobody').request('POST', '/api/auth/refresh', { body: { refreshToken } });

  it('exchanges a refresh token once, for a pair that works', async () => {
    const first = await signIn();
    const second = await refresh(first.refreshToken);
    expect(second.status).toBe(200);
    expect(second.body.refreshToken).not.toBe(first.refreshToken);
    expect((await me(second.body.accessToken)).status).toBe(200);
    expect((await refresh(second.body.refreshToken)).status).toBe(200);
  });

  it('lets a person change its own password, which ends its sessions; a wrong current one changes nothing', async () => {
    const { accessToken, refreshToken } = await signIn('OtherMember');
    const change = (currentPassword: string, newPassword: string, token = accessToken) =>
      app
        .withHeaders({ authorization: `Bearer ${token}` })
        .request('POST', '/api/auth/password', { body: { currentPassword, newPassword } });
    const { email, password } = people.OtherMember;
    expect(await change('not the password', 'a new and long enough one')).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/currentPassword' }] },
    });
    expect((await change(password, 'short')).status).toBe(400);
    expect((await change(password, 'a new and long enough one')).status).toBe(204);
    expect((await me(accessToken)).status).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(401);
    const login = (secret: string) =>
      app.as('nobody').request('POST', '/api/auth/login', { body: { email, password: secret } });
    expect((await login(password)).status).toBe(401);
    const again = await login('a new and long enough one');
    expect(again.status).toBe(200);
    expect((await change('a new and long enough one', password, again.body.accessToken)).status).toBe(204);
  });

  it('ends the whole session when an exchanged token is shown again', async () => {
    const first = await signIn();
    const second = await refresh(first.refreshToken);
    expect(await refresh(first.refreshToken)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } });
    expect((await refresh(second.body.refreshToken)).status).toBe(401);
    expect((await me(second.body.accessToken)).status).toBe(401);
    const { rows } = await app.db.owner.query(`select outcome from audit_log where action = 'session.token-reused'`);
    expect(rows).toEqual([{ outcome: 'refused' }]);
  });

  it('lets one of ten simultaneous exchanges of a token win, and revokes its session', async () => {
    const { refreshToken } = await signIn();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect((await refresh(won[0]!.body.refreshToken)).status).toBe(401);
  });

  it('asks the database for principals no more often because somebody shows made-up refresh tokens', async () => {
    const { accessToken } = await signIn();
    await me(accessToken);
    const account = jest.spyOn(app.app.get(PrincipalStore), 'account');
    await refresh('rt_made-up');
    expect(
      (await app.withHeaders({ authorization: `Bearer ${accessToken}` }).request('GET', '/api/system/users')).status,
    ).toBe(403);
    expect(account).not.toHaveBeenCalled();
    account.mockRestore();
  });

  it('refuses an expired refresh token, an unknown one, and one of a disabled person', async () => {
    const { refreshToken } = await signIn();
    await app.moveClock(minutes(31 * 24 * 60));
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh('rt_made-up')).status).toBe(401);
    await app.moveClock(0);
    expect((await refresh(refreshToken)).status).toBe(200);

    const other = await signIn('OtherMember');
    await app.db.owner.query(`update users set disabled_at = now() where id = $1`, [app.users.OtherMember]);
    expect((await refresh(other.refreshToken)).status).toBe(401);
  });

  it('logs out: neither token works any more, and other sessions go on', async () => {
    const [gone, stays] = [await signIn(), await signIn()];
    const headers = { authorization: `Bearer ${gone.accessToken}` };
    expect((await app.withHeaders(headers).request('POST', '/api/auth/logout')).status).toBe(204);
    expect((await me(gone.accessToken)).status).toBe(401);
    expect((await refresh(gone.refreshToken)).status).toBe(401);
    expect((await me(stays.accessToken)).status).toBe(200);
    expect((await refresh(stays.refreshToken)).status).toBe(200);
  });

  it('expires access tokens after fifteen minutes', async () => {
    const { accessToken } = await signIn();
    await app.moveClock(minutes(14.9));
    expect((await me(accessToken)).status).toBe(200);
    await app.moveClock(minutes(15.1));
    expect(await me(accessToken)).toMatchObject({ status: 401, body: { code: 'invalid_token' } });
  });

  it('keeps refresh tokens as hashes only', async () => {
    const { refreshToken } = await signIn();
    const { rows } = await app.db.owner.query(`select t::text as row from refresh_tokens t`);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(refreshToken.slice(3));
    for (const role of ['carillon_app', 'carillon_platform', 'carillon_engine'] as const)
      await expect(app.db.as(role).query(`select * from refresh_tokens`)).rejects.toThrow('permission denied');
  });

  describe('refuses an access token that', () => {
    const key = () => new TextEncoder().encode(app.config.secrets.jwt);
    const claims = async () => {
      const [, payload] = (await signIn()).accessToken.split('.');
      return JSON.parse(Buffer.from(payload!, 'base64url').toString()) as Record<string, unknown>;
    };
    const sign = async (changes: object, header: object = {}, secret = key()) =>
      new SignJWT({ ...(await claims()), ...changes })
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
        .sign(secret);

    it('would be one of ours but for nothing: the forger below is sound', async () => {
      expect((await me(await sign({}))).status).toBe(200);
    });

    it.each<[string, () => Promise<string>]>([
      ['is signed by another key', () => sign({}, {}, new TextEncoder().encode('another key of sufficient length'))],
      ['is signed by another algorithm', () => sign({}, { alg: 'HS512' })],
      ['is of another type', () => sign({}, { typ: 'JWT' })],
      ['is for another audience', () => sign({ aud: 'another-api' })],
      ['is by another issuer', () => sign({ iss: 'somebody' })],
      ['has no expiry', () => sign({ exp: undefined })],
      [
        'expires in a year',
        () => sign({ iat: Math.floor(Date.now() / 1_000) - 1_000, exp: Math.floor(Date.now() / 1_000) + 3e7 }),
      ],
      ['is of an unknown session', () => sign({ sid: '01890000-0000-7000-8000-000000000000' })],
      ['is of an unknown person', () => sign({ sub: '01890000-0000-7000-8000-000000000000' })],
      ['is of an older version', () => sign({ ver: 0 })],
      ['names nobody', () => sign({ sub: 'admin' })],
      [
        'is not signed',
        async () => {
          const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
          return `${part({ alg: 'none', typ: 'at+jwt' })}.${part(await claims())}.`;
        },
      ],
      [
        'had a claim changed',
        async () => {
          const [header, , signature] = (await signIn()).accessToken.split('.');
          const payload = Buffer.from(JSON.stringify({ ...(await claims()), sub: app.users.SystemAdmin })).toString(
            'base64url',
          );
          return `${header}.${payload}.${signature}`;
        },
      ],
      ['is no token', async () => 'nonsense'],
    ])('%s', async (_, make) => {
      const { status, body, headers } = await me(await make());
      expect([status, body.status]).toEqual([401, 401]);
      expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
    });
  });
});
