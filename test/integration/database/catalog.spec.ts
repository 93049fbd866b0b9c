import { type Catalog, differences, readCatalog, verifySchema } from '../../../src/platform/database/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

describe('the live schema against the promised one', () => {
  let db: TestDatabase;
  let promised: Catalog;
  beforeAll(async () => {
    db = await createTestDatabase();
    promised = await readCatalog(db.owner);
  });
  afterAll(() => db.drop());

  /** What the change makes different; it is undone again. */
  async function drift(change: string): Promise<string[]> {
    const client = await db.owner.connect();
    try {
      await client.query('begin');
      await client.query(change);
      return differences(promised, await readCatalog(client));
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  it.each([
    [
      `alter table users alter column name drop not null`,
      `column users.name differs: promised "text not null", found "text"`,
    ],
    [
      `alter table users alter column phone type varchar(20)`,
      `column users.phone differs: promised "text", found "character varying(20)"`,
    ],
    [
      `alter table users alter column version set default 7`,
      `column users.version differs: promised "integer not null default 1", found "integer not null default 7"`,
    ],
    [`alter table users add column shoe_size int`, `column users.shoe_size is not promised (found: integer)`],
    [
      `alter table memberships drop constraint memberships_role_known`,
      /^constraint memberships.memberships_role_known is missing \(promised: CHECK .*\)$/,
    ],
    [
      `drop index users_email_unique`,
      `index users.users_email_unique is missing (promised: CREATE UNIQUE INDEX users_email_unique ON users USING btree (lower(email)))`,
    ],
    [
      `create index extra on users (phone)`,
      `index users.extra is not promised (found: CREATE INDEX extra ON users USING btree (phone))`,
    ],
    [
      `drop policy users_platform on users`,
      `policy users.users_platform is missing (promised: for select to carillon_platform using (true))`,
    ],
    [
      `alter policy audit_log_platform on audit_log using (false)`,
      `policy audit_log.audit_log_platform differs: promised "for select to carillon_platform using (true)", found "for select to carillon_platform using (false)"`,
    ],
    [
      `alter table users disable row level security`,
      `row security users differs: promised "enabled", found "disabled"`,
    ],
    [
      `create or replace function carillon_current_organization() returns uuid language sql stable parallel safe as 'select null::uuid'`,
      /^function carillon_current_organization\(\) differs: /,
    ],
    [`create function extra() returns int language sql as 'select 1'`, /^function extra\(\) is not promised/],
    [
      `grant delete on audit_log to carillon_app`,
      `grant on table audit_log to carillon_app differs: promised "insert, select", found "delete, insert, select"`,
    ],
    [
      `revoke select on organizations from carillon_engine`,
      `grant on table organizations to carillon_engine is missing (promised: select)`,
    ],
  ])('%s is told in a sentence', async (change, sentence) => {
    const told = await drift(change);
    expect(
      told.filter((line) => (typeof sentence === 'string' ? line === sentence : sentence.test(line))),
    ).toHaveLength(1);
  });

  it('tells a missing table in one sentence', async () => {
    expect(await drift(`drop table memberships cascade`)).toEqual(
      expect.arrayContaining([`table memberships is missing (promised: table)`]),
    );
    expect(
      (await drift(`drop table memberships cascade`)).filter((told) => /^[a-z ]+ memberships[. ]/.test(told)),
    ).toHaveLength(1);
  });

  it('tells nothing where nothing differs', async () => {
    expect(await drift(`comment on table users is 'people'`)).toEqual([]);
  });

  it('names the migrations that have not run', async () => {
    await db.owner.query(`delete from migrations where id = (select max(id) from migrations)`);
    const [first] = await verifySchema(db);
    expect(first).toMatch(/^migration \w+ has not run$/);
  });
});
