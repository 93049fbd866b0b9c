import type { Wakeups } from '@carillon/job-engine';
import { eventually, TestEngines } from './test-engines.js';

describe('a waiting worker', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.stopAll());
  afterAll(() => engines.close());
  const handlers = { noop: async () => 'ok' };

  /** Calls out until it is heard: only then is the connection listening, or listening again. */
  async function untilHearing(wakeups: Wakeups): Promise<void> {
    let heard = false;
    const forget = wakeups.onWake((topics) => {
      heard ||= topics.has('probe');
    });
    await eventually(
      async () => {
        await engines.rows(`select pg_notify('carillon_jobs', 'test probe')`);
        return heard;
      },
      () => 'LISTEN',
    );
    forget();
  }

  it('hears of a job enqueued in another process, long before it would look', async () => {
    const { wakeups } = await engines.start({ pollMs: 60_000, handlers });
    const { client } = engines.engine({ handlers });
    await untilHearing(wakeups);
    const { id } = await client.enqueueGathered({ organizationId: engines.organizationId, jobType: 'noop' });
    await engines.until(id, 'completed', 3_000);
  });

  it('finds jobs by polling alone', async () => {
    await engines.start({ deaf: true, pollMs: 50, handlers });
    await engines.until(await engines.enqueue({ jobType: 'noop' }), 'completed', 3_000);
  });

  it('listens again after all its connections were cut, and loses nothing', async () => {
    const { wakeups } = await engines.start({ pollMs: 60_000, handlers });
    const { client } = engines.engine({ handlers });
    for (let round = 0; round < 3; round++) {
      const ids = await Promise.all([1, 2, 3].map(() => engines.enqueue({ jobType: 'noop' })));
      client.wake(['default']);
      await engines.rows(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'carillon_engine'`,
      );
      await Promise.all(ids.map((id) => engines.until(id, 'completed', 8_000)));
    }
    await untilHearing(wakeups);
    const { id } = await client.enqueueGathered({ organizationId: engines.organizationId, jobType: 'noop' });
    await engines.until(id, 'completed', 3_000);
  });

  it('tells of many jobs in few notifications', async () => {
    const { client, wakeups } = engines.engine({ handlers });
    let notifications = 0;
    const { wakeups: listening } = engines.engine({ handlers });
    listening.onWake((topics) => {
      if (topics.has('default')) notifications++;
    });
    listening.start();
    await untilHearing(listening);
    for (let i = 0; i < 1_000; i++) client.wake(['default']);
    await wakeups.stop();
    await eventually(
      () => notifications > 0,
      () => 'a notification',
    );
    expect(notifications).toBe(1);
  });
});
