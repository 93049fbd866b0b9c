import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

/** What the end of a run writes for a job that completes or is tried again (finish_runs). */
const changedByFinishing =
  'status run attempt_count retry_count worker_lost_count next_retry_at result error_code error_message progress progress_message subject_type subject_id started_at completed_at updated_at';

describe('the indexes of background_jobs', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('name no column that finishing changes, neither as a key nor in a condition, so that its update stays on its page', async () => {
    const { rows } = await db.owner.query<{ index: string; column: string }>(
      `select d.objid::regclass::text as index, a.attname as column
         from pg_index i join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.indexrelid and d.refobjid = i.indrelid
         join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where i.indrelid = 'background_jobs'::regclass`,
    );
    expect(rows.map(({ index }) => index)).toContain('background_jobs_unsuccessful');
    expect(rows.filter(({ column }) => changedByFinishing.split(' ').includes(column))).toEqual([]);
  });

  it('cost a job that completes no new entry', async () => {
    const client = await db.owner.connect();
    try {
      await client.query('begin');
      await client.query(
        `insert into organizations (id, name, slug) values ('00000000-0000-7000-8000-000000000001', 'one', 'one')`,
      );
      await client.query(
        `insert into background_jobs (id, organization_id, queue, job_type, tags, created_by)
           select gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 'default', 'any', array['a'], gen_random_uuid() from generate_series(1, 5)`,
      );
      await client.query(
        `update background_jobs set status = 'completed', run = run + 1, attempt_count = 1, result = '{"rows": 1}', progress = 100,
           started_at = carillon_now(), completed_at = carillon_now(), updated_at = carillon_now()`,
      );
      const { rows } = await client.query<{ hot: number }>(
        `select pg_stat_get_xact_tuples_hot_updated('background_jobs'::regclass)::int as hot`,
      );
      expect(rows).toEqual([{ hot: 5 }]);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
