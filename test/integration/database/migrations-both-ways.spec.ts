import { migrate, migrateDown, migrationClasses } from '../../../src/platform/database/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

/** What the migrations made: relations with their grants and policies, functions with theirs. The test clock is not theirs. */
const made = `
  select c.relname as name, c.relacl::text as grants, c.relrowsecurity::text as body,
         (select array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(a.attacl::text, '') order by a.attnum)::text
          from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
         (select array_agg(p.polname::text || p.polcmd::text order by p.polname)::text from pg_policy p where p.polrelid = c.oid) as policies
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname not in ('migrations', 'test_clock')
    and c.relname !~ '^(PK_|migrations_)'
  union all
  select p.oid::regprocedure::text, p.proacl::text, p.prosrc, null, null
  from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname <> 'carillon_now'
  order by 1`;

describe('the migrations', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  const present = async () => (await db.owner.query<{ name: string }>(made)).rows;

  it('go down one by one until nothing is left, and up again to the same', async () => {
    const before = await present();
    expect(before.length).toBeGreaterThan(30);
    for (let left = migrationClasses.length; left > 0; left--) await migrateDown({ url: db.url }, 1);
    expect(await present()).toEqual([]);
    await migrate({ url: db.url });
    expect(await present()).toEqual(before);
  });
});
