import { createTestApp, type TestApp } from '../../support/test-app.js';

describe('organisations', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  const path = '/api/system/organizations';
  const asAdmin = (method: string, rest = '', body?: object) =>
    app.as('SystemAdmin').request(method, path + rest, { body });

  it('are listed by name, searched and paged', async () => {
    const { body } = await asAdmin('GET', '?q=ORGANISATION&limit=1');
    expect(body).toMatchObject({
      total: 2,
      organizations: [{ id: app.organizations.A, name: 'Organisation A', slug: 'a' }],
    });
    expect((await asAdmin('GET', '?q=ORGANISATION&skip=1')).body.organizations).toHaveLength(1);
  });

  it('are made with a slug from the name, read, changed, and the changes are audited', async () => {
    const made = await asAdmin('POST', '', { name: 'Café Zoë & Söhne' });
    expect(made).toMatchObject({ status: 201, body: { name: 'Café Zoë & Söhne', slug: 'cafe-zoe-sohne' } });
    const { id } = made.body;
    const changed = await asAdmin('PATCH', `/${id}`, { name: 'Café' });
    expect(changed).toMatchObject({ status: 200, body: { id, name: 'Café', slug: 'cafe-zoe-sohne' } });
    expect((await asAdmin('GET', `/${id}`)).body).toEqual(changed.body);
    const { body } = await app.as('SystemAdmin').request('GET', `/api/system/audit?organizationId=${id}`);
    expect(body.entries.map((e: { action: string }) => e.action)).toEqual([
      'organization.changed',
      'organization.created',
    ]);
  });

  it('refuse a slug that is taken, malformed fields and unknown ones', async () => {
    expect(await asAdmin('POST', '', { name: 'X', slug: 'a' })).toMatchObject({
      status: 409,
      body: { code: 'slug_taken' },
    });
    const taken = await asAdmin('PATCH', `/${app.organizations.B}`, { slug: 'a' });
    expect(taken).toMatchObject({ status: 409, body: { code: 'slug_taken' } });
    for (const body of [{}, { name: '' }, { name: 'X', slug: 'Upper Case' }, { name: 'X', number: 1 }, { name: null }])
      expect((await asAdmin('POST', '', body)).status).toBe(400);
  });

  it('that are named malformed in X-Organization-Id are 400, unknown ones 404', async () => {
    const named = (id: string) =>
      app.as('SystemAdmin').request('GET', '/api/system/users', { headers: { 'x-organization-id': id } });
    expect(await named('a')).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: 'header/x-organization-id' }] },
    });
    expect((await named('01890000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await named(app.organizations.A)).body.total).toBe(2);
  });

  it('of which a person belongs to several are chosen by X-Organization-Id', async () => {
    const body = { email: 'admin@b.test', name: 'x', role: 'Member' };
    await app.as('OrgAdmin').request('POST', '/api/organization/users', { body });
    const inA = { 'x-organization-id': app.organizations.A };
    await app.moveClock(31_000); // the principal is remembered for half a minute
    const me = await app.as('OtherOrgAdmin').request('GET', '/api/auth/me', { headers: inA });
    expect(me.body).toMatchObject({ role: 'Member', organizationId: app.organizations.A });
    expect((await app.as('OtherOrgAdmin').request('GET', '/api/organization/users', { headers: inA })).status).toBe(
      403,
    );
    expect((await app.as('OtherOrgAdmin').request('GET', '/api/organization/users')).status).toBe(200);
  });
});
