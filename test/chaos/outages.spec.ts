/** A database that goes away, falls silent or turns read-only under the workers (cases 7 and 8). */
import { setTimeout as delay } from 'node:timers/promises';
import { type HalfOpenProxy, startHalfOpenProxy } from '../support/half-open-proxy.js';
import { OwnServer } from '../support/own-server.js';
import { patienceMs, WorkerFleet, type WorkerSetup } from '../support/worker-fleet.js';

jest.setTimeout(3 * patienceMs);

/** Only a wake-up makes this worker look: it would poll by itself once in ten minutes. */
const wokenOnly: WorkerSetup = { leaseMs: 3_000, pollMs: 600_000, tells: true };

/** Enqueues again and again, each commit acknowledged or not, until it is stopped; answers what was acknowledged. */
function keepEnqueuing(fleet: WorkerFleet) {
  const acknowledged: string[] = [];
  const going = new AbortController();
  const done = (async () => {
    while (!going.signal.aborted) {
      try {
        acknowledged.push(...(await fleet.enqueue({ jobType: 'work', payload: { ms: 1 } }, { jobType: 'work' })));
      } catch {
        // the outage: whether that one was committed nobody knows
      }
      await delay(5);
    }
  })();
  return {
    acknowledged,
    stop: async () => {
      going.abort();
      await done;
    },
  };
}

/** Every acknowledged job has ended well, and each that ended has done so once. */
async function expectNothingLost(fleet: WorkerFleet, acknowledged: string[]): Promise<void> {
  await fleet.untilAllEnded();
  expect(acknowledged.length).toBeGreaterThan(0);
  const { missing } = await fleet.row(
    `select count(*)::int missing from unnest($1::uuid[]) id where not exists (select from background_jobs b where b.id = id.id and status = 'completed')`,
    [acknowledged],
  );
  expect(missing).toBe(0);
  const { jobs, effects, completions } = await fleet.row(
    `select (select count(*) from background_jobs)::int jobs, (select count(*) from told)::int effects,
       (select count(*) from job_attempts where outcome = 'completed')::int completions`,
  );
  expect({ effects, completions }).toEqual({ effects: jobs, completions: jobs });
}

/** With everything else done, one job more: only a wake-up can make it run within this time. */
async function expectWakeupsBack(fleet: WorkerFleet): Promise<void> {
  const id = await fleet.enqueueOne({ jobType: 'work' });
  await fleet.untilStatus(id, 'completed', 20_000);
}

describe('a database that goes away', () => {
  let server: OwnServer;
  let fleet: WorkerFleet;
  let proxy: HalfOpenProxy | undefined;
  beforeAll(async () => {
    server = await OwnServer.start();
  });
  beforeEach(async () => {
    fleet = await WorkerFleet.open(server.database);
    await fleet.rows(
      `truncate organizations, background_jobs, job_attempts, job_claims, job_workers, job_ready cascade`,
    );
    await fleet.rows(`drop table if exists told`);
    await fleet.countEffects();
    fleet = await WorkerFleet.open(server.database);
  });
  afterEach(async () => {
    await fleet.close();
    await proxy?.close();
    proxy = undefined;
  });
  afterAll(() => server.stop());

  it('case 7: every connection terminated, LISTEN included, three times over: nothing is lost, nobody ends', async () => {
    const workers = [await fleet.start(wokenOnly), await fleet.start(wokenOnly)];
    const enqueuing = keepEnqueuing(fleet);
    for (let round = 1; round <= 3; round++) {
      const enough = enqueuing.acknowledged.length + 50;
      await fleet.until('more jobs', async () => enqueuing.acknowledged.length >= enough);
      const cut = await fleet.rows(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename is not null and pid <> pg_backend_pid() and backend_type = 'client backend'`,
      );
      expect(cut.length).toBeGreaterThanOrEqual(2 * workers.length); // each has its LISTEN and a pool
    }
    await enqueuing.stop();
    await expectNothingLost(fleet, enqueuing.acknowledged);
    await expectWakeupsBack(fleet);
    for (const worker of workers) worker.kill('SIGTERM'); // alive, and well enough to end in order
    for (const worker of workers) expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it('case 7: an immediate restart of PostgreSQL: nothing that was committed is lost, nobody ends', async () => {
    const workers = [await fleet.start(wokenOnly), await fleet.start(wokenOnly)];
    const enqueuing = keepEnqueuing(fleet);
    for (let round = 1; round <= 2; round++) {
      const enough = enqueuing.acknowledged.length + 50;
      await fleet.until('more jobs', async () => enqueuing.acknowledged.length >= enough);
      await server.restartImmediately();
    }
    const enough = enqueuing.acknowledged.length + 50;
    await fleet.until('jobs after the restart', async () => enqueuing.acknowledged.length >= enough);
    await enqueuing.stop();
    await expectNothingLost(fleet, enqueuing.acknowledged);
    await expectWakeupsBack(fleet);
    for (const worker of workers) worker.kill('SIGTERM');
    for (const worker of workers) expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it.each([
    ['while it is idle', undefined],
    ['in the middle of a claim', 'carillon-claim-jobs'],
    ['before the commit of finished jobs', 'commit'],
  ])(
    'case 7: a connection that falls silent %s: its jobs are run, and it is woken again within seconds',
    async (_when, words) => {
      proxy = await startHalfOpenProxy(server.address);
      const worker = await fleet.start({ ...wokenOnly, url: server.urlAt(proxy.port) });
      const enqueuing = keepEnqueuing(fleet);
      await fleet.until('some jobs', async () => enqueuing.acknowledged.length >= 50);
      if (words === undefined) {
        await enqueuing.stop();
        await fleet.untilAllEnded();
        proxy.silence();
      } else await proxy.silenceAt(words);
      await worker.output(/lost its lease|does not answer|has not answered/, patienceMs);
      proxy.restore(); // new connections are good; the old ones will never speak again
      await expectWakeupsBack(fleet);
      await enqueuing.stop();
      await expectNothingLost(fleet, enqueuing.acknowledged);
      worker.kill('SIGTERM');
      expect(await worker.ended).toEqual({ code: 0, signal: null });
    },
  );
});
