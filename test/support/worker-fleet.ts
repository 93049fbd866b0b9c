/** Workers as processes on one database: started, frozen, killed, and what became of their jobs. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { type EnqueueRequest, JobClient, Wakeups } from '@carillon/job-engine';
import { type CarillonProcess, root, startCarillon } from './carillon-process.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

export interface WorkerSetup {
  leaseMs?: number;
  pollMs?: number;
  concurrency?: number;
  /** Each finishing transaction leaves a row in `told`; see `countEffects`. */
  tells?: boolean;
  /** Where it finds the database, when not where we do: a proxy. */
  url?: string;
  /** Its Date is so far ahead of the machine's. */
  clockShiftMs?: number;
}
export type Row = Record<string, unknown>;
export type Asked = Partial<EnqueueRequest> & { jobType: string };

/** How long a wait may last before it fails: a wait is for a condition, and a busy machine is no failure. */
export const patienceMs = 120_000;

const program = path.join(root, 'test/chaos/worker-process.mjs');
const shiftClock = path.join(root, 'test/support/shift-clock.mjs');

export class WorkerFleet {
  readonly workers: CarillonProcess[] = [];
  private readonly held: pg.PoolClient[] = [];
  readonly engine: pg.Pool;
  /** Enqueues and wakes the workers, as an application would. */
  readonly client: JobClient;
  private readonly wakeups: Wakeups;

  private constructor(
    readonly db: TestDatabase,
    readonly organizationId: string,
  ) {
    this.engine = db.as('carillon_engine');
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    this.wakeups = new Wakeups({ pool: this.engine, log });
    this.client = new JobClient({ pool: this.engine, wakeups: this.wakeups });
  }

  static async open(database?: TestDatabase): Promise<WorkerFleet> {
    const db = database ?? (await createTestDatabase());
    return new WorkerFleet(db, await makeOrganization(db, `org-${uuidv7()}`));
  }

  /** A connection to hold transactions open on, closed with the fleet. */
  async hold(pool: pg.Pool = this.db.owner): Promise<pg.PoolClient> {
    const connection = await pool.connect();
    this.held.push(connection);
    return connection;
  }

  makeOrganization(slug: string): Promise<string> {
    return makeOrganization(this.db, slug);
  }

  /** Kills every worker and drops the database. */
  async close(): Promise<void> {
    await this.killAll();
    for (const connection of this.held.splice(0)) connection.release(true);
    await this.wakeups.stop();
    await this.db.drop();
  }

  async killAll(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => this.kill(worker)));
  }

  async kill(worker: CarillonProcess): Promise<void> {
    worker.kill('SIGKILL');
    await worker.ended;
  }

  /** Resolves once it holds its lease. */
  async start(setup: WorkerSetup = {}): Promise<CarillonProcess> {
    const { url = this.db.url, leaseMs = 1_500, pollMs = 100, concurrency = 10, tells = false, clockShiftMs } = setup;
    const shifted = clockShiftMs === undefined ? [] : ['--import', shiftClock];
    const worker = startCarillon([JSON.stringify({ url, leaseMs, pollMs, concurrency, tells })], {
      program: [process.execPath, ...shifted, program],
      ...(clockShiftMs !== undefined && { env: { CLOCK_SHIFT_MS: String(clockShiftMs) } }),
    });
    this.workers.push(worker);
    await worker.output(/^ready$/m, patienceMs);
    return worker;
  }

  /** Lets the jobs that workers hold go, those that begin meanwhile included, until all of these have completed. */
  async letGo(...ids: string[]): Promise<void> {
    await this.until(`the jobs ${ids.join(', ')} to be completed`, async () => {
      for (const worker of this.workers) worker.kill('SIGUSR2');
      const open = `select from background_jobs where id = any ($1) and status <> 'completed'`;
      return (await this.rows(open, [ids])).length === 0;
    });
  }

  async enqueue(...requests: Asked[]): Promise<string[]> {
    const jobs = requests.map((request) => ({ organizationId: this.organizationId, ...request }));
    const made = await this.client.enqueue(this.engine, jobs);
    this.client.wakeFor(made);
    return made.map(({ id }) => id);
  }

  async enqueueOne(request: Asked): Promise<string> {
    return (await this.enqueue(request))[0]!;
  }

  /** So many alike, in statements of a thousand. */
  async enqueueMany(count: number, request: Asked): Promise<void> {
    for (let left = count; left > 0; left -= 1_000)
      await this.enqueue(...Array<Asked>(Math.min(left, 1_000)).fill(request));
  }

  /** As the schema's owner, who sees everything. */
  async rows(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.db.owner.query(text, values)).rows as Row[];
  }

  async row(text: string, values: unknown[] = []): Promise<Row> {
    return (await this.rows(text, values))[0] ?? {};
  }

  job(id: string): Promise<Row> {
    return this.row(`select * from background_job_view where id = $1`, [id]);
  }

  attempts(id: string): Promise<Row[]> {
    return this.rows(`select number, outcome, worker from job_attempts where job_id = $1 order by number`, [id]);
  }

  /** Waits until `look` answers something, and answers that. @throws after `withinMs`, with what there was to see instead */
  async until<T>(what: string, look: () => Promise<T | undefined | false>, withinMs = patienceMs): Promise<T> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > deadline)
        throw new Error(`waited ${withinMs} ms for ${what}, but saw ${await this.state()}`);
      await delay(20);
    }
  }

  async untilStatus(id: string, status: string, withinMs?: number): Promise<Row> {
    const look = async () => {
      const job = await this.job(id);
      return job.status === status && job;
    };
    return this.until(`job ${id} to be ${status}`, look, withinMs);
  }

  async untilRunBy(id: string, worker: CarillonProcess): Promise<void> {
    await this.until(`job ${id} to run in ${worker.pid}`, async () => (await this.job(id)).worker === nameOf(worker));
  }

  /** Until no job waits or runs but so many of the future, and nothing is left in the tables of what waits and runs. */
  async untilAllEnded({ but = 0, withinMs }: { but?: number; withinMs?: number } = {}): Promise<void> {
    const open = `select (select count(*) from background_jobs where status = 'queued') - $1 + (select count(*) from job_claims)
        + (select count(*) from job_ready) + (select count(*) from job_later) - $1 + (select count(*) from job_held) left_over`;
    await this.until('every job to end', async () => (await this.row(open, [but])).left_over === '0', withinMs);
  }

  /** For `tells`: every end of a job leaves a row here, in the transaction that ends it. */
  async countEffects(): Promise<void> {
    await this.rows(`create table told (job uuid not null, process int not null)`);
    await this.rows(`grant select, insert on told to carillon_engine`);
  }

  /** Jobs, workers and the last words of our processes: what a failed wait has to show. */
  private async state(): Promise<string> {
    const jobs = await this.rows(
      `select job_type, status, error_code, count(*)::int, min(run) least_run, max(run) most_runs from background_job_view group by 1, 2, 3 limit 20`,
    );
    const workers = await this.rows(`select worker, name, lease_expires_at from job_workers limit 20`);
    const words = this.workers.map((worker) => `${worker.pid}: ${worker.stdout().slice(-1_500)}${worker.stderr()}`);
    return `${JSON.stringify({ jobs, workers }, null, 1)}\n${words.join('\n')}`;
  }
}

/** The name under which a worker of the fleet stands in the history. */
export const nameOf = (worker: CarillonProcess): string => `pid-${worker.pid}`;

/** Whether this run of the tests is `npm run chaos`: everything at its full size. */
export const full = process.env.CARILLON_CHAOS === 'full';

async function makeOrganization(db: TestDatabase, slug: string): Promise<string> {
  const id = uuidv7();
  await db.owner.query(`insert into organizations (id, name, slug) values ($1, $2, $2)`, [id, slug]);
  return id;
}
