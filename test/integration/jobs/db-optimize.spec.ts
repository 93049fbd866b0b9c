/** Upkeep of real tables by a job. */
import pg from 'pg';
import { dropBrokenBuilds, rebuildIndex, waitForLocks } from '../../../src/jobs/built-in/table-upkeep.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { eventually, jobOnce } from './test-jobs.js';

let t: TestApp;
beforeAll(async () => {
  t = await createTestApp({ worker: true });
});
afterAll(() => t.close());

const ask = async (payload: object): Promise<string> => {
  const body = { jobType: 'db_optimize', payload };
  const answer = await t.as('SystemAdmin').request('POST', '/api/system/background-jobs', { body });
  expect([answer.status, answer.body.errors]).toEqual([202, undefined]);
  return answer.body.id as string;
};
const job = (id: string, status: string) => jobOnce(t.as('SystemAdmin'), id, status);
const sql = async (text: string) => (await t.db.owner.query(text)).rows;

/** 100,000 rows of which all but a hundred are dead: an index of 2 MB for what would fit into three pages. */
async function makeBloated(table: string): Promise<void> {
  await sql(
    `create table ${table} (id int constraint ${table}_pk primary key, note text) with (autovacuum_enabled = off)`,
  );
  await sql(`insert into ${table} select n, 'note ' || n from generate_series(1, 100000) n`);
  await sql(`delete from ${table} where id > 100`);
  await eventually(
    () => sql(`select n_dead_tup from pg_stat_user_tables where relname = '${table}' and n_dead_tup > 90000`),
    (rows) => rows.length === 1,
  );
}
const invalidIndexes = () => sql(`select indexrelid::regclass from pg_index where not indisvalid`);
const maintenance = () =>
  sql(`select state, wait_event_type from pg_stat_activity where application_name = 'carillon maintenance'`);

/** A connection of its own whose transaction has done this, until it is let go. */
async function holding(statement: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: t.db.url });
  await client.connect();
  await client.query('begin');
  await client.query(statement);
  return () => client.end();
}

describe('a job of the type db.optimize', () => {
  it('takes dead rows away, renews statistics and rebuilds what is bloated', async () => {
    await makeBloated('orders_of_old');
    const ended = await job(await ask({ tables: ['orders_of_old'], reindex: true }), 'completed');
    const [table] = ended.result.tables;
    expect(table).toMatchObject({ table: 'orders_of_old', deadRowsAfter: 0 });
    expect(table.deadRowsBefore).toBeGreaterThan(90_000);
    expect(table.bytesAfter).toBeLessThan(table.bytesBefore);
    const [index] = ended.result.indexes;
    expect(index.index).toBe('orders_of_old_pk');
    expect(index.bytesBefore).toBeGreaterThan(1_048_576);
    expect(index.bytesAfter).toBeLessThan(32_768);
    expect(ended.result.summary).toMatch(
      /^\d+ dead row\(s\) taken away from 1 table\(s\), 1 index\(es\) rebuilt, 0 left/,
    );
    expect(await sql(`select from pg_stats where tablename = 'orders_of_old'`)).toHaveLength(2);
    expect(await invalidIndexes()).toEqual([]);
  });

  it('goes through every table of the installation, and rebuilds nothing that it is not asked to', async () => {
    await makeBloated('orders_of_yore');
    const { result, progress } = await job(await ask({}), 'completed');
    const tables = result.tables.map(({ table }: { table: string }) => table);
    expect(tables).toEqual(expect.arrayContaining(['background_jobs', 'job_ready', 'job_claims', 'organizations']));
    expect([tables[0], new Set(tables).size, result.indexes, progress]).toEqual([
      'orders_of_yore',
      tables.length,
      [],
      100,
    ]);
  });

  it('fails for a table that there is not, and names those that there are', async () => {
    const ended = await job(await ask({ tables: ['background_jobs', 'pg_class; drop table users'] }), 'failed');
    expect(ended).toMatchObject({
      errorCode: 'table_unknown',
      errorMessage: expect.stringMatching(/^There is no table pg_class; drop table users; there are .*background_jobs/),
    });
  });

  it('waits for another that runs, and burns no attempt by it', async () => {
    const letGo = await holding(`select pg_advisory_lock(7003)`);
    try {
      const id = await ask({ tables: ['queues'] });
      const [row] = await eventually(
        () =>
          sql(
            `select status, attempt_count, next_retry_at > carillon_now() as later from background_jobs where id = '${id}' and run > 0`,
          ),
        (rows) => rows.length === 1,
      );
      expect(row).toEqual({ status: 'queued', attempt_count: 0, later: true });
    } finally {
      await letGo();
    }
  });

  it('stops at once when it is cancelled, in the middle of a statement', async () => {
    await sql(`create table locked (id int)`);
    const letGo = await holding(`lock table locked in access exclusive mode`);
    try {
      const id = await ask({ tables: ['locked'] });
      await eventually(maintenance, (rows) => rows.some(({ wait_event_type: event }) => event === 'Lock'));
      await t.as('SystemAdmin').request('POST', `/api/system/background-jobs/${id}/cancel`);
      await job(id, 'cancelled');
      await eventually(maintenance, (rows) => rows.length === 0);
    } finally {
      await letGo();
    }
  });
});

describe('an index that cannot be rebuilt', () => {
  let owner: pg.Client;
  beforeEach(async () => {
    owner = new pg.Client({ connectionString: t.db.url });
    await owner.connect();
    await waitForLocks(owner, 0.3);
  });
  afterEach(() => owner.end());

  it('leaves nothing behind, at the latest when the next run comes by', async () => {
    await sql(`create table busy (id int constraint busy_pk primary key)`);
    const letGo = await holding(`insert into busy values (1)`);
    await expect(rebuildIndex(owner, 'busy', 'busy_pk')).rejects.toMatchObject({ code: '55P03' });
    await letGo();
    await dropBrokenBuilds(owner, 'busy');
    expect(await invalidIndexes()).toEqual([]);
  });
});
