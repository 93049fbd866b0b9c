/** One database and any number of engines on it, as processes would be: what the engine's tests stand on. */
import { v7 as uuidv7 } from 'uuid';
import pg from 'pg';
import {
  type EngineLog,
  type EnqueueRequest,
  type FinishHook,
  type JobContext,
  JobClient,
  JobEngine,
  type RegisteredHandler,
  Wakeups,
  type WorkerOptions,
} from '@carillon/job-engine';
import { connectionOptions } from '../../../src/platform/database/index.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

export type Handler = (payload: unknown, ctx: JobContext) => Promise<unknown>;
export type Handlers = Record<string, Handler | (Partial<RegisteredHandler> & { run: Handler })>;

export interface EngineSetup extends Partial<WorkerOptions> {
  handlers: Handlers;
  /** Without LISTEN: as behind a pooler that does not pass it on. */
  deaf?: boolean;
  hooks?: readonly FinishHook[];
}

export class TestEngines {
  readonly said: string[] = [];
  readonly log: EngineLog = {
    debug: (m) => this.said.push(m),
    info: (m) => this.said.push(m),
    warn: (m) => this.said.push(m),
    error: (m, e) => this.said.push(`${m}: ${(e as Error | undefined)?.message ?? ''}`),
  };
  readonly client: JobClient;
  private readonly running: { engine: JobEngine; wakeups: Wakeups }[] = [];

  private constructor(
    readonly db: TestDatabase,
    readonly pool: pg.Pool,
    readonly organizationId: string,
  ) {
    this.client = new JobClient({ pool });
  }

  static async open(): Promise<TestEngines> {
    const db = await createTestDatabase();
    const pool = db.as('carillon_engine');
    return new TestEngines(db, pool, await makeOrganization(db, 'one'));
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.db.drop();
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      this.running.splice(0).map(async ({ engine, wakeups }) => {
        await engine.stop();
        await wakeups.stop();
      }),
    );
  }

  /** An engine that is not started: its loops are run by `runOnce`. */
  engine(setup: EngineSetup): { engine: JobEngine; client: JobClient; wakeups: Wakeups } {
    const { handlers, deaf, ...more } = setup;
    const listen = deaf ? undefined : () => new pg.Client(connectionOptions({ url: this.db.url }, 'carillon_engine'));
    const wakeups = new Wakeups({ pool: this.pool, listen, log: this.log, checkMs: 1_000 });
    const client = new JobClient({ pool: this.pool, wakeups, defaults: (type) => registered(type, handlers) });
    const engine = new JobEngine({
      pool: this.pool,
      client,
      wakeups,
      handler: (type) => registered(type, handlers),
      name: `test-${this.running.length + 1}`,
      concurrency: 10,
      queues: [],
      leaseMs: 5_000,
      pollMs: 200,
      graceMs: 2_000,
      watchMs: 100,
      log: this.log,
      ...more,
    });
    this.running.push({ engine, wakeups });
    return { engine, client, wakeups };
  }

  async start(setup: EngineSetup): Promise<{ engine: JobEngine; client: JobClient; wakeups: Wakeups }> {
    const made = this.engine(setup);
    made.wakeups.start();
    await made.engine.start();
    return made;
  }

  async enqueue(request: Partial<EnqueueRequest> & { jobType: string }): Promise<string> {
    const [job] = await this.client.enqueue(this.pool, [{ organizationId: this.organizationId, ...request }]);
    return job!.id;
  }

  async job(id: string): Promise<Record<string, unknown>> {
    const { rows } = await this.db.owner.query(`select * from background_job_view where id = $1`, [id]);
    return rows[0] as Record<string, unknown>;
  }

  async attempts(id: string): Promise<Record<string, unknown>[]> {
    const { rows } = await this.db.owner.query(`select * from job_attempts where job_id = $1 order by number`, [id]);
    return rows as Record<string, unknown>[];
  }

  /** The job once it has this status; fails loudly with what it was instead. */
  async until(id: string, status: string, withinMs = 10_000): Promise<Record<string, unknown>> {
    let job = await this.job(id);
    await eventually(
      async () => {
        job = await this.job(id);
        return job?.status === status;
      },
      () => `job ${id} to be ${status}, it is ${JSON.stringify(job)}; said: ${this.said.join('\n')}`,
      withinMs,
    );
    return job;
  }

  async rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.db.owner.query(sql, values)).rows as Record<string, unknown>[];
  }

  makeOrganization(name: string): Promise<string> {
    return makeOrganization(this.db, name);
  }
}

export async function eventually(
  holds: () => Promise<boolean> | boolean,
  what: () => string,
  withinMs = 10_000,
): Promise<void> {
  const until = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`waited ${withinMs} ms for ${what()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

/** A promise to be settled by hand. */
export function signal<T = void>(): { promise: Promise<T>; give: (value: T) => void } {
  let give!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    give = resolve;
  });
  return { promise, give };
}

async function makeOrganization(db: TestDatabase, name: string): Promise<string> {
  const id = uuidv7();
  await db.owner.query(`insert into organizations (id, name, slug) values ($1, $2, $2)`, [id, name]);
  return id;
}

function registered(type: string, handlers: Handlers): RegisteredHandler | undefined {
  const handler = handlers[type];
  if (!handler) return undefined;
  const given = typeof handler === 'function' ? { run: handler } : handler;
  return { type, checkPayload: (raw) => Promise.resolve(raw), ...given };
}
