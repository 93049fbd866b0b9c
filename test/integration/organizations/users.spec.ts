import { createTestApp, type TestApp } from '../../support/test-app.js';
import { people } from '../../support/test-population.js';

describe('users', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  const system = '/api/system/users';
  const own = '/api/organization/users';
  let serial = 0;
  const freshEmail = () => `person${++serial}@a.test`;
  const signIn = (email: string, password: string) =>
    app.as('nobody').request('POST', '/api/auth/login', { body: { email, password } });
  const add = async (role: string, more: object = {}) => {
    const body = { email: freshEmail(), name: 'Somebody', role, ...more };
    const { status, body: user } = await app.as('OrgAdmin').request('POST', own, { body });
    expect(status).toBe(201);
    return user;
  };

  it('lists every organisation to a SystemAdmin, one that is named or filtered for, and its own to an OrgAdmin', async () => {
    const all = await app.as('SystemAdmin').request('GET', system);
    expect(all.status).toBe(200);
    expect(new Set(all.body.users.map((u: { organizationId: string }) => u.organizationId)).size).toBe(3);
    expect(all.body.total).toBe(5);

    const { A, B } = app.organizations;
    const headers = { 'x-organization-id': B };
    const named = await app.as('SystemAdmin').request('GET', system, { headers });
    expect(named.body.users.map((u: { email: string }) => u.email)).toEqual(['admin@b.test', 'member@b.test']);
    const filtered = await app.as('SystemAdmin').request('GET', `${system}?organizationId=${B}`);
    expect(filtered.body).toEqual(named.body);

    const mine = await app.as('OrgAdmin').request('GET', own);
    expect(new Set(mine.body.users.map((u: { organizationId: string }) => u.organizationId))).toEqual(new Set([A]));
    const sneaky = await app.as('OrgAdmin').request('GET', `${own}?organizationId=${B}`);
    expect(sneaky.body).toMatchObject({ users: [], total: 0 });
  });

  it('pages and searches', async () => {
    const page = await app.as('SystemAdmin').request('GET', `${system}?skip=1&limit=2&q=.TEST`);
    expect(page.body.users).toHaveLength(2);
    expect(page.body.total).toBeGreaterThanOrEqual(5);
    expect((await app.as('SystemAdmin').request('GET', `${system}?limit=201`)).status).toBe(400);
  });

  it('makes an account with a one-time password, shown once, with which the person signs in', async () => {
    const user = await add('Member', { phone: '+4915123456789' });
    expect(user).toMatchObject({ organizationId: app.organizations.A, role: 'Member', disabled: false });
    expect(user.temporaryPassword).toMatch(/^([a-z2-9]{6}-){3}[a-z2-9]{6}$/);
    expect((await signIn(user.email, user.temporaryPassword)).status).toBe(200);
    const again = await app.as('OrgAdmin').request('GET', `${own}/${user.id}`);
    expect(again.body).not.toHaveProperty('temporaryPassword');
    expect(JSON.stringify(again.body)).not.toContain('argon2');
  });

  it('adds a membership where the email has an account already, and only once', async () => {
    const { email } = people.OtherMember;
    const body = {
      email: email.toUpperCase(),
      name: 'Another name',
      role: 'Member',
      password: 'a password to take over',
    };
    const joined = await app.as('OrgAdmin').request('POST', own, { body });
    expect(joined).toMatchObject({ status: 201, body: { id: app.users.OtherMember, name: 'OtherMember', email } });
    expect(joined.body).not.toHaveProperty('temporaryPassword');
    expect((await signIn(email, body.password)).status).toBe(401);
    const twice = await app.as('OrgAdmin').request('POST', own, { body });
    expect(twice).toMatchObject({ status: 409, body: { code: 'already_member' } });
  });

  it('keeps the admin of one organisation from taking over an account on which another depends', async () => {
    const path = `${own}/${app.users.OtherMember}`;
    const asAdmin = app.as('OrgAdmin');
    for (const body of [{ disabled: true }, { name: 'Mine' }, { phone: null }])
      expect(await asAdmin.request('PATCH', path, { body })).toMatchObject({ status: 403 });
    expect(await asAdmin.request('POST', `${path}/reset-password`, { body: {} })).toMatchObject({ status: 403 });
    expect(await asAdmin.request('PATCH', path, { body: { role: 'OrgAdmin' } })).toMatchObject({
      status: 200,
      body: { role: 'OrgAdmin', organizationId: app.organizations.A },
    });
    expect((await asAdmin.request('DELETE', path)).status).toBe(204);
    expect((await asAdmin.request('GET', path)).status).toBe(404);
    const home = await app.as('OtherOrgAdmin').request('GET', path);
    expect(home.body).toMatchObject({ role: 'Member', organizationId: app.organizations.B });
  });

  it('answers 404 for a person of another organisation, whatever is asked', async () => {
    const path = `${own}/${app.users.OtherOrgAdmin}`;
    for (const [method, rest, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { role: 'Member' }],
      ['DELETE', '', undefined],
      ['POST', '/reset-password', {}],
    ] as const) {
      const { status, body: problem } = await app.as('OrgAdmin').request(method, path + rest, { body });
      expect([method, status, problem.code]).toEqual([method, 404, 'not_found']);
    }
  });

  it('lets only a SystemAdmin make a SystemAdmin, and never lets the last one go', async () => {
    const user = await add('Member');
    const refused = await app.as('OrgAdmin').request('PATCH', `${own}/${user.id}`, { body: { role: 'SystemAdmin' } });
    expect(refused.status).toBe(403);
    const body = { email: freshEmail(), name: 'X', role: 'SystemAdmin' };
    expect((await app.as('OrgAdmin').request('POST', own, { body })).status).toBe(403);

    const last = `${system}/${app.users.SystemAdmin}`;
    for (const change of [{ disabled: true }, { role: 'Member' }])
      expect(await app.as('SystemAdmin').request('PATCH', last, { body: change })).toMatchObject({
        status: 409,
        body: { code: 'last_administrator' },
      });
    const second = await app
      .as('SystemAdmin')
      .request('PATCH', `${system}/${user.id}`, { body: { role: 'SystemAdmin' } });
    expect(second).toMatchObject({ status: 200, body: { role: 'SystemAdmin', organizationId: app.organizations.A } });
    // without an organisation the second could not sign in, so the first would be the last again
    await app.as('SystemAdmin').request('DELETE', `${system}/${user.id}`);
    const alone = await app.as('SystemAdmin').request('PATCH', last, { body: { disabled: true } });
    expect(alone.status).toBe(409);
    await app.as('OrgAdmin').request('POST', own, { body: { email: user.email, name: 'X', role: 'Member' } });
    const down = await app.as('SystemAdmin').request('PATCH', `${system}/${user.id}`, { body: { role: 'Member' } });
    expect(down).toMatchObject({ status: 200, body: { role: 'Member' } });
  });

  it('makes a person in the organisation that a SystemAdmin names, and in no other', async () => {
    const body = { email: freshEmail(), name: 'X', role: 'Member' };
    const inB = { ...body, organizationId: app.organizations.B };
    expect((await app.as('SystemAdmin').request('POST', system, { body: inB })).body.organizationId).toBe(
      inB.organizationId,
    );
    const nowhere = { ...body, email: freshEmail(), organizationId: '01890000-0000-7000-8000-000000000000' };
    expect((await app.as('SystemAdmin').request('POST', system, { body: nowhere })).status).toBe(404);
    const foreign = { ...body, email: freshEmail(), organizationId: app.organizations.B };
    expect((await app.as('OrgAdmin').request('POST', own, { body: foreign })).status).toBe(404);
  });

  it('refuses malformed bodies and says where', async () => {
    const bodies: [object, string][] = [
      [{ name: 'X', role: 'Member' }, '/email'],
      [{ email: 'no email', name: 'X', role: 'Member' }, '/email'],
      [{ email: freshEmail(), name: 'X', role: 'Owner' }, '/role'],
      [{ email: freshEmail(), name: 'X', role: 'Member', password: 'short' }, '/password'],
      [{ email: freshEmail(), name: 'X', role: 'Member', phone: '0151 234' }, '/phone'],
      [{ email: freshEmail(), name: 'X', role: 'Member', isSystemAdmin: true }, '/isSystemAdmin'],
      [{ email: freshEmail(), name: null, role: 'Member' }, '/name'],
    ];
    for (const [body, pointer] of bodies) {
      const { status, body: problem } = await app.as('OrgAdmin').request('POST', own, { body });
      expect([status, problem.errors[0].pointer]).toEqual([400, pointer]);
    }
    const user = await add('Member');
    const nulls = await app.as('OrgAdmin').request('PATCH', `${own}/${user.id}`, { body: { role: null } });
    expect(nulls.status).toBe(400);
  });

  it('ends the sessions of a person who is disabled or gets another password', async () => {
    const user = await add('Member', { password: 'the first password' });
    const first = await signIn(user.email, 'the first password');
    const reset = await app.as('OrgAdmin').request('POST', `${own}/${user.id}/reset-password`, { body: {} });
    expect(reset.status).toBe(200);
    const refreshed = await app
      .as('nobody')
      .request('POST', '/api/auth/refresh', { body: { refreshToken: first.body.refreshToken } });
    expect(refreshed.status).toBe(401);
    expect((await signIn(user.email, 'the first password')).status).toBe(401);
    expect((await signIn(user.email, reset.body.temporaryPassword)).status).toBe(200);

    await app.as('OrgAdmin').request('PATCH', `${own}/${user.id}`, { body: { disabled: true } });
    expect((await signIn(user.email, reset.body.temporaryPassword)).status).toBe(401);
    await app.as('OrgAdmin').request('PATCH', `${own}/${user.id}`, { body: { disabled: false } });
    expect((await signIn(user.email, reset.body.temporaryPassword)).status).toBe(200);
  });

  it('makes one account of ten simultaneous calls with one email', async () => {
    const body = { email: freshEmail(), name: 'X', role: 'Member' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => app.as('OrgAdmin').request('POST', own, { body })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
    const { rows } = await app.db.owner.query(`select 1 from users where email = $1`, [body.email]);
    expect(rows).toHaveLength(1);
  });

  it('writes each change into the audit log of the organisation, without secrets', async () => {
    const user = await add('Member', { password: 'a secret that must not be kept' });
    await app.as('OrgAdmin').request('PATCH', `${own}/${user.id}`, { body: { role: 'OrgAdmin' } });
    await app.as('OrgAdmin').request('DELETE', `${own}/${user.id}`);
    const { body } = await app.as('OrgAdmin').request('GET', '/api/organization/audit?action=user.*&limit=3');
    expect(body.entries.map((e: { action: string }) => e.action)).toEqual([
      'user.removed',
      'user.changed',
      'user.created',
    ]);
    expect(body.entries[1]).toMatchObject({
      organizationId: app.organizations.A,
      actorType: 'user',
      actorId: app.users.OrgAdmin,
      targetType: 'user',
      targetId: user.id,
      outcome: 'done',
      details: { role: 'OrgAdmin' },
      address: '127.0.0.1',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(JSON.stringify(body)).not.toContain('a secret');
  });
});
