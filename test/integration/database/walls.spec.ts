import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

describe('row-level security', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('shows carillon_app no organisation where none is set', async () => {
    await db.owner.query(`insert into organizations (id, name, slug) values (gen_random_uuid(), 'A', 'a')`);
    const { rows } = await db.as('carillon_app').query(`select * from organizations`);
    expect(rows).toEqual([]);
  });
});
