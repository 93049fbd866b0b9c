/** A server that turned read-only, as after a failover: the connections of that time stay read-only for ever (case 8). */
import { killAll, removeFolders, startCarillon, untilListening } from '../support/carillon-process.js';
import { signIn } from '../support/http-session.js';
import { administrator, sharedInstallation } from '../support/shared-installation.js';
import { patienceMs, WorkerFleet } from '../support/worker-fleet.js';

jest.setTimeout(3 * patienceMs);

describe('a server that turned read-only', () => {
  let fleet: WorkerFleet;
  beforeEach(async () => {
    fleet = await WorkerFleet.open();
  });
  afterEach(async () => {
    await killAll();
    await removeFolders();
    await fleet.close();
  });

  /** Every connection is cut, and those that follow may not write; whoever keeps one of them may never write again. */
  async function turnReadOnly(): Promise<() => Promise<void>> {
    const owner = await fleet.hold();
    const { rows } = await owner.query<{ name: string }>(`select current_database() name`);
    await owner.query(`alter database ${rows[0]!.name} set default_transaction_read_only = on`);
    await owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    return async () => {
      await owner.query(`alter database ${rows[0]!.name} reset default_transaction_read_only`);
    };
  }

  it('case 8: workers heal by themselves once it takes writes again', async () => {
    await fleet.countEffects();
    const setup = { leaseMs: 3_000, tells: true };
    const workers = [await fleet.start(setup), await fleet.start(setup)];
    await fleet.enqueueMany(500, { jobType: 'work', payload: { ms: 20 } });
    await fleet.until('some to end', async () => Number((await fleet.row(`select count(*) n from told`)).n) > 50);
    const turnWritable = await turnReadOnly();
    for (const worker of workers) await worker.output(/read-only transaction/, patienceMs);
    await turnWritable();
    await fleet.untilAllEnded();
    const effects = await fleet.row(`select count(*)::int n, count(distinct job)::int jobs from told`);
    expect(effects).toEqual({ n: 500, jobs: 500 });
    for (const worker of workers) worker.kill('SIGTERM');
    for (const worker of workers) expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it('case 8: the API answers 503 meanwhile, and takes jobs again as soon as it does', async () => {
    const carillon = startCarillon(['api'], { env: sharedInstallation(fleet.db.url) });
    const session = await signIn(await untilListening(carillon), administrator.email, administrator.password);
    const enqueue = async () => {
      const job = { jobType: 'cache.flush' };
      return (await session.post('/api/system/background-jobs', job)).status;
    };
    expect(await enqueue()).toBe(202);
    const turnWritable = await turnReadOnly();
    await fleet.until('a refusal', async () => (await enqueue()) === 503);
    await turnWritable();
    // one connection after the other: asked without a pause, none of them is idle long enough to be closed for that
    await fleet.until('five jobs taken in a row', async () => {
      for (let i = 0; i < 5; i++) if ((await enqueue()) !== 202) return false;
      return true;
    });
  });
});
