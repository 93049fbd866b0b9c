import { createTestApp, type TestApp } from '../../support/test-app.js';

describe('refused admin calls', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await createTestApp();
  });
  afterEach(() => app.close());

  const refused = async () => {
    const { rows } = await app.db.owner.query(
      `select actor_type, actor_id, organization_id, outcome, details from audit_log where action = 'call.refused' order by id`,
    );
    return rows;
  };

  it('are written into the audit log of the caller’s organisation', async () => {
    await app.as('Member').request('GET', '/api/system/users');
    expect(await refused()).toEqual([
      {
        actor_type: 'user',
        actor_id: app.users.Member,
        organization_id: app.organizations.A,
        outcome: 'refused',
        details: { route: 'GET /api/system/users', code: 'forbidden' },
      },
    ]);
    const seen = await app.as('OrgAdmin').request('GET', '/api/organization/audit?outcome=refused');
    expect(seen.body).toMatchObject({ total: 1, entries: [{ action: 'call.refused', actorId: app.users.Member }] });
  });

  it('are written at most once a second for a caller and route, and for all anonymous callers together', async () => {
    for (let i = 0; i < 5; i++) await app.as('nobody').request('GET', '/api/system/users');
    for (let i = 0; i < 5; i++) await app.as('Member').request('GET', '/api/system/users');
    await app.as('Member').request('GET', '/api/system/audit');
    expect(await refused()).toHaveLength(3);
    await app.moveClock(1_500);
    await app.as('Member').request('GET', '/api/system/users');
    expect(await refused()).toHaveLength(4);
  });

  it('are not written for routes that are nobody’s administration', async () => {
    await app.as('nobody').request('GET', '/api/auth/me');
    expect(await refused()).toEqual([]);
  });
});
