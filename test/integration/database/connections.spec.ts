import { openPool } from '../../../src/platform/database/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

describe('a pool of connections', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('outlives a connection that the server cuts while somebody holds it', async () => {
    const told: string[] = [];
    const pool = openPool(db, 'carillon_engine', 2, (error) => told.push(error.message));
    const held = await pool.connect();
    const { rows } = await held.query<{ pid: number }>('select pg_backend_pid() as pid');
    const cut = new Promise((resolve) => held.once('end', resolve));
    await db.owner.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await cut;
    await expect(held.query('select 1')).rejects.toThrow(/not queryable|terminat/);
    held.release();
    expect(told).toEqual([]); // it was not idle
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});
