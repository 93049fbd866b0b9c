import { createTestApp, type TestApp } from '../../support/test-app.js';

describe('API keys', () => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
    other = await createTestApp({ database: app.db, population: app });
  });
  beforeEach(async () => {
    await app.moveClock(0);
    await other.moveClock(0);
  });
  afterAll(async () => {
    await other.close();
    await app.close();
  });

  const path = '/api/organization/api-keys';
  const make = async (more: object = {}) => {
    const body = { name: 'nightly', scopes: ['jobs:create'], ...more };
    const answer = await app.as('OrgAdmin').request('POST', path, { body });
    expect(answer.status).toBe(201);
    return answer.body as { id: string; key: string; prefix: string };
  };
  /** Whether the key is known: a route that takes no keys answers 403 to a good one and 401 to a bad one. */
  const isKnown = async (key: string, to = app) => {
    const { status } = await to.withHeaders({ authorization: `Bearer ${key}` }).request('GET', '/api/auth/me');
    return { 401: false, 403: true }[status];
  };

  it('shows a key once and keeps its hash', async () => {
    const made = await make();
    expect(made.key).toMatch(/^ck_[\w-]{43}$/);
    expect(made.key.startsWith(made.prefix)).toBe(true);
    const listed = await app.as('OrgAdmin').request('GET', path);
    const got = await app.as('OrgAdmin').request('GET', `${path}/${made.id}`);
    expect(got.body).toMatchObject({ id: made.id, name: 'nightly', scopes: ['jobs:create'], revokedAt: null });
    const { rows } = await app.db.owner.query(`select k::text as row from api_keys k`);
    for (const seen of [listed.body, got.body, rows]) expect(JSON.stringify(seen)).not.toContain(made.key);
  });

  it('takes a key as bearer token or as X-Api-Key', async () => {
    const { key } = await make();
    expect(await isKnown(key)).toBe(true);
    const byHeader = await app.withHeaders({ 'x-api-key': key }).request('GET', '/api/auth/me');
    expect(byHeader.status).toBe(403);
    expect(await isKnown(`${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`)).toBe(false);
    expect(await isKnown('ck_short')).toBe(false);
  });

  it('refuses a revoked key, here at once and in other processes within a minute', async () => {
    const { id, key } = await make();
    expect([await isKnown(key), await isKnown(key, other)]).toEqual([true, true]);
    expect((await app.as('OrgAdmin').request('DELETE', `${path}/${id}`)).status).toBe(204);
    expect(await isKnown(key)).toBe(false);
    await other.moveClock(31_000);
    expect(await isKnown(key, other)).toBe(false);
    const { body } = await app.as('OrgAdmin').request('GET', `${path}/${id}`);
    expect(body.revokedAt).not.toBeNull();
    expect((await app.as('OrgAdmin').request('DELETE', `${path}/${id}`)).status).toBe(204);
  });

  it('refuses an expired key to the moment, also one it remembers', async () => {
    const { key } = await make({ expiresAt: new Date(Date.now() + 10_000).toISOString() });
    expect(await isKnown(key)).toBe(true);
    await app.moveClock(11_000);
    expect(await isKnown(key)).toBe(false);
  });

  it('writes down the last use at most once a minute', async () => {
    const { id, key } = await make();
    const lastUse = async () => (await app.as('OrgAdmin').request('GET', `${path}/${id}`)).body.lastUsedAt as string;
    expect(await lastUse()).toBeNull();
    await isKnown(key);
    const first = await lastUse();
    await app.moveClock(45_000);
    await isKnown(key);
    expect(await lastUse()).toBe(first);
    await app.moveClock(100_000);
    await isKnown(key);
    expect(Date.parse(await lastUse())).toBeGreaterThan(Date.parse(first) + 60_000);
  });

  it('binds a key to its organisation', async () => {
    const { key } = await make();
    const inB = { authorization: `Bearer ${key}`, 'x-organization-id': app.organizations.B };
    expect((await app.withHeaders(inB).request('GET', '/api/auth/me')).status).toBe(404);
  });

  it.each([
    [{ scopes: [] }, 400, '/scopes'],
    [{ scopes: ['everything'] }, 400, '/scopes'],
    [{ scopes: 'jobs:create' }, 400, '/scopes'],
    [{ name: '' }, 400, '/name'],
    [{ expiresAt: 'tomorrow' }, 400, '/expiresAt'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 422, '/expiresAt'],
  ])('refuses %j', async (wrong, status, pointer) => {
    const body = { name: 'x', scopes: ['jobs:create'], ...wrong };
    const answer = await app.as('OrgAdmin').request('POST', path, { body });
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, pointer]);
  });

  it('are made once however often a request with an Idempotency-Key is sent, and the key is kept nowhere', async () => {
    const body = { name: 'once', scopes: ['jobs:read'] };
    const headers = { 'idempotency-key': 'the-same' };
    const first = await app.as('OrgAdmin').request('POST', path, { body, headers });
    expect([first.status, first.headers.get('location')]).toEqual([201, `${path}/${first.body.id}`]);
    const again = await app.as('OrgAdmin').request('POST', path, { body, headers });
    expect(again).toMatchObject({ status: 409, body: { code: 'already_done' } });
    const { rows } = await app.db.owner.query(`select i::text as row from idempotency_keys i`);
    expect(JSON.stringify(rows)).not.toContain(first.body.key);
  });

  it('are made for an organisation by a SystemAdmin, listed for all, and audited', async () => {
    const body = { name: 'for B', scopes: ['jobs:read'], organizationId: app.organizations.B };
    const made = await app.as('SystemAdmin').request('POST', '/api/system/api-keys', { body });
    expect(made.body.organizationId).toBe(app.organizations.B);
    const all = await app.as('SystemAdmin').request('GET', '/api/system/api-keys?limit=200');
    expect(new Set(all.body.apiKeys.map((k: { organizationId: string }) => k.organizationId)).size).toBe(2);
    expect((await app.as('OrgAdmin').request('GET', `${path}/${made.body.id}`)).status).toBe(404);
    await app.as('SystemAdmin').request('DELETE', `/api/system/api-keys/${made.body.id}`);
    const audit = await app.as('OtherOrgAdmin').request('GET', '/api/organization/audit?action=api-key.*');
    expect(audit.body.entries.map((e: { action: string }) => e.action)).toEqual(['api-key.revoked', 'api-key.created']);
    expect(JSON.stringify(audit.body)).not.toContain(made.body.key);
  });
});
