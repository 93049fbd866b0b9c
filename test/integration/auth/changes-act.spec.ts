import { createTestApp, type TestApp } from '../../support/test-app.js';

/** Longer than a principal is remembered, well under the promised minute. */
const halfAMinute = 31_000;

describe('a change of what somebody may do', () => {
  let app: TestApp;
  /** A second process: nobody tells it what the first has changed. */
  let other: TestApp;
  beforeEach(async () => {
    app = await createTestApp();
    other = await createTestApp({ database: app.db, population: app });
  });
  afterEach(async () => {
    await other.close();
    await app.close();
  });

  const passHalfAMinute = async () => {
    await app.moveClock(halfAMinute);
    await other.moveClock(halfAMinute);
  };
  const patch = (person: 'Member' | 'OrgAdmin', body: object) =>
    app.as('SystemAdmin').request('PATCH', `/api/system/users/${app.users[person]}`, { body });
  const users = (person: 'Member' | 'OrgAdmin') => other.as(person).request('GET', '/api/organization/users');

  it('of role acts in every process within a minute, on tokens issued before', async () => {
    expect((await users('OrgAdmin')).status).toBe(200);
    expect((await users('Member')).status).toBe(403);
    await patch('OrgAdmin', { role: 'Member' });
    await patch('Member', { role: 'OrgAdmin' });
    await passHalfAMinute();
    expect((await users('OrgAdmin')).status).toBe(403);
    expect((await users('Member')).status).toBe(200);
  });

  it('by disabling acts within a minute', async () => {
    expect((await users('OrgAdmin')).status).toBe(200);
    await patch('OrgAdmin', { disabled: true });
    await passHalfAMinute();
    expect(await users('OrgAdmin')).toMatchObject({ status: 401, body: { code: 'session_ended' } });
  });

  it('by removing a membership acts within a minute', async () => {
    expect((await users('OrgAdmin')).status).toBe(200);
    await app.as('SystemAdmin').request('DELETE', `/api/system/users/${app.users.OrgAdmin}`);
    await passHalfAMinute();
    expect(await users('OrgAdmin')).toMatchObject({ status: 403, body: { code: 'no_organization' } });
  });

  it('by logging out acts within a minute elsewhere', async () => {
    const token = await app.accessToken('Member');
    const me = () => other.withHeaders({ authorization: `Bearer ${token}` }).request('GET', '/api/auth/me');
    expect((await me()).status).toBe(200);
    await app.as('Member').request('POST', '/api/auth/logout');
    await passHalfAMinute();
    expect((await me()).status).toBe(401);
  });
});
