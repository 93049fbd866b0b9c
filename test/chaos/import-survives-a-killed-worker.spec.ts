import { killAll, removeFolders, startCarillon, untilListening } from '../support/carillon-process.js';
import { eventually } from '../support/eventually.js';
import { signIn } from '../support/http-session.js';
import { orders } from '../support/sample-files.js';
import { administrator, sharedInstallation } from '../support/shared-installation.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const rows = 60_000;

// whole processes on a machine that may be busy
jest.setTimeout(120_000);

describe('an import whose worker is killed', () => {
  let db: TestDatabase;
  beforeEach(async () => {
    db = await createTestDatabase();
  });
  afterEach(async () => {
    await killAll();
    await removeFolders();
    await db.drop();
  });

  it('is finished by another worker: one dataset, every row once, and the attempts tell of it', async () => {
    const env = {
      ...sharedInstallation(db.url),
      WORKER_LEASE_SECONDS: '2',
      WORKER_POLL_MS: '100',
    };
    const url = await untilListening(startCarillon(['api'], { env }));
    const session = await signIn(url, administrator.email, administrator.password);
    const job = await session.upload('orders.csv', orders(rows));
    const look = () => session.get(`/api/system/background-jobs/${job.id}`);

    const first = startCarillon(['worker'], { env });
    await eventually(async () => ((await look()).progress >= 70 ? true : undefined));
    first.kill('SIGKILL');
    await first.ended;
    startCarillon(['worker'], { env });

    const finished = await eventually(async () => {
      const now = await look();
      return now.status === 'completed' ? now : undefined;
    }, 40_000);
    expect(finished.attempts.map((attempt: { outcome: string }) => attempt.outcome)).toEqual([
      'worker_lost',
      'completed',
    ]);
    const { datasets, total } = await session.get('/api/v2/datasets');
    expect(total).toBe(1);
    expect(datasets[0]).toMatchObject({ id: finished.subject.id });
    const { rows: stored } = await db.owner.query(
      `select count(*)::int, count(distinct row_number)::int numbers, count(distinct run)::int runs from dataset_rows`,
    );
    expect(stored[0]).toEqual({ count: rows, numbers: rows, runs: 1 });
  });
});
