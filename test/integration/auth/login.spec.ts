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
    const { status, body } = await login({ email: email.toUpperCase(), password });
    expect(status).toBe(200);
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
});
