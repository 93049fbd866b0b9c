import { createTestApp, type TestApp } from '../../support/test-app.js';

/** Of tables with an organisation: name and what guards them. */
const organizationTables = `
  select c.relname as name, c.relrowsecurity as enabled, c.relkind as kind,
         (select count(*)::int from pg_policy p where p.polrelid = c.oid
           and 'carillon_app'::regrole = any (p.polroles)) as app_policies,
         exists (select from pg_policy p where p.polrelid = c.oid and p.polroles = '{0}') as for_everybody
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  order by 1`;

describe('the wall between organisations in the database', () => {
  let app: TestApp;
  let tables: { name: string; enabled: boolean; app_policies: number; for_everybody: boolean }[];
  beforeAll(async () => {
    app = await createTestApp();
    ({ rows: tables } = await app.db.owner.query(organizationTables));
  });
  afterAll(() => app.close());

  /** Runs one statement as carillon_app in a transaction of the organisation, and takes it back. */
  const asApp = async (organizationId: string | null, statement: string, values: unknown[] = []) => {
    const client = await app.db.as('carillon_app').connect();
    try {
      await client.query('begin');
      if (organizationId)
        await client.query(`select set_config('carillon.organization_id', $1, true)`, [organizationId]);
      return await client.query(statement, values);
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it('stands before every table that belongs to organisations, also those that are yet to come', () => {
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['api_keys', 'audit_log', 'memberships']));
    for (const { name, enabled, app_policies: policies, for_everybody: everybody } of tables)
      expect({ name, enabled, hasPolicy: policies > 0, everybody }).toEqual({
        name,
        enabled: true,
        hasPolicy: true,
        everybody: false,
      });
  });

  it('shows carillon_app only rows of the organisation that is set, and none where none is', async () => {
    const { A, B } = app.organizations;
    for (const organization of [A, B]) {
      await app.db.owner.query(
        `insert into api_keys (id, organization_id, name, prefix, secret_hash, scopes)
         values (gen_random_uuid(), $1::uuid, 'k', 'ck_', sha256($1::uuid::text::bytea), '{jobs:read}')`,
        [organization],
      );
      await app.db.owner.query(
        `insert into audit_log (id, organization_id, actor_type, action) values (gen_random_uuid(), $1, 'system', 'test')`,
        [organization],
      );
    }
    for (const { name } of tables) {
      const readable = await app.db.owner.query(`select has_table_privilege('carillon_app', $1, 'select') as yes`, [
        name,
      ]);
      if (!readable.rows[0].yes) continue;
      const foreign = await asApp(
        B,
        `select count(*)::int as n from ${name} where organization_id is distinct from $1`,
        [B],
      );
      const without = await asApp(null, `select count(*)::int as n from ${name}`);
      expect({ name, foreign: foreign.rows[0].n, without: without.rows[0].n }).toEqual({
        name,
        foreign: 0,
        without: 0,
      });
    }
    const own = await asApp(B, `select organization_id from api_keys`);
    expect(own.rows).toEqual([{ organization_id: B }]);
    expect((await asApp(B, `select slug from organizations`)).rows).toEqual([{ slug: 'b' }]);
    expect((await asApp(B, `select email from users order by 1`)).rows).toEqual([
      { email: 'admin@b.test' },
      { email: 'member@b.test' },
    ]);
  });

  it('lets carillon_app neither write into another organisation nor move a row there', async () => {
    const { A, B } = app.organizations;
    const intoA = `insert into memberships (organization_id, user_id, role) values ($1, $2, 'OrgAdmin')`;
    await expect(asApp(B, intoA, [A, app.users.OtherMember])).rejects.toThrow('row-level security');
    await expect(asApp(B, `update memberships set organization_id = $1`, [A])).rejects.toThrow('row-level security');
    expect((await asApp(B, `update memberships set role = 'Member' where organization_id = $1`, [A])).rowCount).toBe(0);
    expect((await asApp(B, `delete from memberships where organization_id = $1`, [A])).rowCount).toBe(0);
    expect((await asApp(B, `update users set name = 'X' where id = $1`, [app.users.Member])).rowCount).toBe(0);
  });

  it('lets carillon_app make nobody a SystemAdmin by a statement of its own', async () => {
    const raise = `update users set is_system_admin = true where id = $1`;
    await expect(asApp(app.organizations.B, raise, [app.users.OtherMember])).rejects.toThrow('permission denied');
    const born = `insert into users (id, email, name, is_system_admin) values (gen_random_uuid(), 'x@x.test', 'X', true)`;
    await expect(asApp(app.organizations.B, born)).rejects.toThrow('permission denied');
  });

  it('gives no door past the wall to everybody, and fixes its search_path with pg_temp last, where nobody can shadow a table', async () => {
    const { rows } = await app.db.owner.query<{ name: string; path: string; everybody: boolean }>(
      `select p.oid::regprocedure::text as name, p.proconfig[1] as path,
              exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) where grantee = 0)
                and p.prorettype <> 'trigger'::regtype as everybody
       from pg_proc p where p.prosecdef and p.pronamespace = 'public'::regnamespace`,
    );
    expect(rows.length).toBeGreaterThan(10);
    for (const { name, path, everybody } of rows)
      expect({ name, path, everybody }).toEqual({
        name,
        path: expect.stringMatching(/^search_path=.*, pg_temp$/),
        everybody: false,
      });
  });

  it.each(['carillon_app', 'carillon_platform', 'carillon_engine'] as const)(
    'lets %s only add to the audit log',
    async (role) => {
      const pool = app.db.as(role);
      for (const statement of [`update audit_log set action = 'x'`, `delete from audit_log`, `truncate audit_log`])
        await expect(pool.query(statement)).rejects.toThrow('permission denied');
    },
  );
});
