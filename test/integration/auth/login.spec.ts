import { createTestApp, type TestApp } from '../../support/test-app.js';
import { people } from '../../support/test-population.js';

describe('login', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  const login = (body: unknown) => app.as('nobody').request('POST', '/api/auth/login', { body });
  const { email, password } = people.Member;

  it('gives tokens and the user, whatever the case of the email', async () => {
    const { status, body, headers } = await login({ email: email.toUpperCase(), password });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      accessToken: expect.stringMatching(/^ey/),
      refreshToken: expect.stringMatching(/^rt_/),
      tokenType: 'Bearer',
      expiresIn: 900,
      user: {
        id: app.users.Member,
        email,
        name: 'Member',
        role: 'Member',
        organizationId: app.organizations.A,
        organizations: [{ id: app.organizations.A, name: 'Organisation A', role: 'Member' }],
      },
    });
    const me = await app.withHeaders({ authorization: `Bearer ${body.accessToken}` }).request('GET', '/api/auth/me');
    expect(me).toMatchObject({ status: 200, body: body.user });
  });

  it('answers the same to a wrong password, an unknown account, a disabled one and one without any organisation', async () => {
    const hash = `(select password_hash from users where email = '${email}')`;
    await app.db.owner.query(
      `insert into users (id, email, name, password_hash, disabled_at) values
         (gen_random_uuid(), 'disabled@a.test', 'D', ${hash}, now()), (gen_random_uuid(), 'nowhere@a.test', 'N', ${hash}, null)`,
    );
    await app.db.owner.query(
      `insert into memberships (organization_id, user_id, role) select $1, id, 'Member' from users where email = 'disabled@a.test'`,
      [app.organizations.A],
    );
    const answers = [
      await login({ email, password: `${password}!` }),
      await login({ email: 'unknown@a.test', password }),
      await login({ email: 'disabled@a.test', password }),
      await login({ email: 'nowhere@a.test', password }),
    ].map(({ status, body }) => ({ status, body: { ...body, traceId: undefined } }));
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('works as long for an unknown account as for a known one', async () => {
    const known = 'slow@a.test';
    const body = { email: known, name: 'S', role: 'Member', password: 'hashed at the cost of production' };
    await app.as('OrgAdmin').request('POST', '/api/organization/users', { body });
    const median = async (address: string) => {
      const times: number[] = [];
      for (let i = 0; i < 7; i++) {
        const start = performance.now();
        await login({ email: address, password: 'not the password' });
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[3]!;
    };
    await median('warm@a.test');
    // a hash takes some 20 ms, everything else a few: without the decoy the ratio would be far below
    expect((await median('unknown@a.test')) / (await median(known))).toBeGreaterThan(0.5);
  });

  it.each([
    [{ email }, '/password'],
    [{ password }, '/email'],
    [{ email: 1, password }, '/email'],
    [{ email, password: 'x'.repeat(201) }, '/password'],
    [{ email, password, admin: true }, '/admin'],
  ])('refuses the malformed body %j', async (body, pointer) => {
    const { status, body: problem } = await login(body);
    expect([status, problem.errors[0].pointer]).toEqual([400, pointer]);
  });

  it('records logins and refusals', async () => {
    await login({ email, password });
    await login({ email, password: 'wrong' });
    const { rows } = await app.db.owner.query(
      `select action, outcome, actor_type, organization_id from audit_log where action in ('session.started', 'session.refused')
       order by id desc limit 2`,
    );
    expect(rows).toEqual([
      { action: 'session.refused', outcome: 'refused', actor_type: 'anonymous', organization_id: null },
      { action: 'session.started', outcome: 'done', actor_type: 'user', organization_id: app.organizations.A },
    ]);
  });
});
