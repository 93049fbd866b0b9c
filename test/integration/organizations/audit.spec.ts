import { v7 as uuidv7 } from 'uuid';
import { createTestApp, type TestApp } from '../../support/test-app.js';

describe('the audit list', () => {
  let app: TestApp;
  const actor = uuidv7();
  beforeAll(async () => {
    app = await createTestApp();
    const { A, B } = app.organizations;
    const rows = [
      [A, 'thing.made', '2024-01-01T00:00:00Z', actor],
      [A, 'thing.changed', '2024-01-02T00:00:00Z', null],
      [B, 'thing.made', '2024-01-03T00:00:00Z', null],
      [null, 'thingy', '2024-01-04T00:00:00Z', null],
    ];
    for (const [organization, action, at, by] of rows)
      await app.db.owner.query(
        `insert into audit_log (id, organization_id, actor_type, action, created_at, actor_id) values ($1, $2, 'system', $3, $4, $5)`,
        [uuidv7(), organization, action, at, by],
      );
  });
  afterAll(() => app.close());

  const actions = async (
    query: string,
    path = '/api/system/audit',
    person: 'SystemAdmin' | 'OrgAdmin' = 'SystemAdmin',
  ) => {
    const { body } = await app.as(person).request('GET', `${path}?to=2025-01-01T00:00:00Z&${query}`);
    return body.entries.map((entry: { action: string }) => entry.action);
  };

  it('is filtered by action, actor, time and organisation, newest first', async () => {
    expect(await actions('')).toEqual(['thingy', 'thing.made', 'thing.changed', 'thing.made']);
    expect(await actions('action=thing.made')).toEqual(['thing.made', 'thing.made']);
    expect(await actions('action=thing.*&skip=1&limit=1')).toEqual(['thing.changed']);
    expect(await actions(`actor=${actor}`)).toEqual(['thing.made']);
    expect(await actions('from=2024-01-02T00:00:00Z&action=thing.*')).toEqual(['thing.made', 'thing.changed']);
    expect(await actions(`organizationId=${app.organizations.B}`)).toEqual(['thing.made']);
  });

  it('shows an OrgAdmin its own organisation only', async () => {
    expect(await actions('', '/api/organization/audit', 'OrgAdmin')).toEqual(['thing.changed', 'thing.made']);
    expect(await actions(`organizationId=${app.organizations.B}`, '/api/organization/audit', 'OrgAdmin')).toEqual([]);
  });

  it.each(['from=yesterday', 'actor=me', 'outcome=maybe', 'limit=0', 'limit=201', 'unknown=1'])(
    'refuses ?%s',
    async (query) => {
      expect((await app.as('SystemAdmin').request('GET', `/api/system/audit?${query}`)).status).toBe(400);
    },
  );
});
