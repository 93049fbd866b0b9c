import path from 'node:path';
import { killAll, root, startCarillon } from '../support/carillon-process.js';
import { createEmptyDatabase, type EmptyDatabase } from '../support/empty-database.js';

describe('examples/embedding', () => {
  let db: EmptyDatabase;
  beforeAll(async () => {
    db = await createEmptyDatabase();
  });
  afterAll(async () => {
    await killAll();
    await db.drop();
  });
  const start = (env: Record<string, string>) =>
    startCarillon([], { env, program: [process.execPath, path.join(root, 'dist/examples/embedding/main.js')] });

  it('runs its job in an empty database, and again in the one it has made', async () => {
    for (const orders of [1, 2]) {
      const example = start({ DATABASE_URL: db.url });
      const [, orderId, jobId] = await example.output(/order (\S+) confirmed by job (\S+)/);
      expect(await example.ended).toEqual({ code: 0, signal: null });
      expect(example.stderr()).toBe('');
      const { rows } = await db.owner.query(
        `select b.status, b.result, b.subject_id, o.confirmed_at is not null as confirmed, b.completed_at is not null as ended,
                (select count(*)::int from orders) as orders, (select count(*)::int from job_attempts where job_id = b.id) as attempts
           from background_jobs b join orders o on o.job_id = b.id where b.id = $1`,
        [jobId],
      );
      const ended = {
        status: 'completed',
        result: { letter: 'Dear Ada, thank you for your order.' },
        subject_id: orderId,
      };
      expect(rows).toEqual([{ ...ended, confirmed: true, ended: true, orders, attempts: 1 }]);
    }
    const { rows: workers } = await db.owner.query(`select from job_workers`);
    expect(workers).toEqual([]); // it has signed off
  });

  it('says what it needs', async () => {
    const example = start({});
    expect(await example.ended).toEqual({ code: 2, signal: null });
    expect(example.stderr()).toBe('set DATABASE_URL to a PostgreSQL database of your own\n');
  });
});
