/** What the scenarios work with: organisations, queues filled and emptied, engines in this process. */
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import {
  type EnqueueRequest,
  JobClient,
  type JobContext,
  JobEngine,
  type SqlPool,
  Wakeups,
  type WorkerOptions,
} from '@carillon/job-engine';
import { connectionOptions } from '../src/platform/database/index.js';
import type { BenchDatabase } from './bench-database.js';
import { until } from './figure.js';

export interface Organization {
  id: string;
  number: number;
}
export type Handlers = Record<string, (payload: unknown, ctx: JobContext) => Promise<unknown>>;

export interface RunningEngine {
  engine: JobEngine;
  client: JobClient;
  start: () => Promise<void>;
  stop: () => Promise<void>;
}

const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error };

export class Workbench {
  private constructor(
    readonly db: BenchDatabase,
    readonly organization: Organization,
  ) {}

  static async on(db: BenchDatabase): Promise<Workbench> {
    const [organization] = await makeOrganizations(db.owner, 1);
    return new Workbench(db, organization!);
  }

  makeOrganizations(count: number): Promise<Organization[]> {
    return makeOrganizations(this.db.owner, count);
  }

  readonly request = (organization: Organization = this.organization): EnqueueRequest => ({
    organizationId: organization.id,
    jobType: 'noop',
    payload: { n: 1 },
  });

  /** Through the product's own bulk enqueue. */
  async enqueue(count: number): Promise<void> {
    const client = new JobClient({ pool: this.db.engine });
    for (let left = count; left > 0; left -= 1_000)
      await client.enqueue(
        this.db.engine,
        Array.from({ length: Math.min(left, 1_000) }, () => this.request()),
      );
  }

  /** As many queued jobs of the queue `default` as asked, shared out evenly and in turns; by SQL, for hundreds of thousands. */
  async fill(count: number, organizations: readonly Organization[] = [this.organization]): Promise<void> {
    const client = new JobClient({ pool: this.db.engine }); // makes the queue
    await client.enqueue(this.db.engine, [this.request(organizations[0])]);
    const shares = JSON.stringify(organizations);
    await this.db.owner.query(
      `with shares as materialized (
         select (o ->> 'id')::uuid id, (o ->> 'number')::int number, place - 1 place from jsonb_array_elements($1::jsonb) with ordinality o (o, place)
       ), made as (
         insert into background_jobs (id, organization_id, queue, job_type, payload, run_at)
           select ${timeOrderedId('i')}, id, 'default', 'noop', '{"n": 1}', carillon_now() + i * interval '1 microsecond' - interval '2 seconds'
             from generate_series(1, $2::int) i join shares on place = i % $3::int order by i
           returning id, organization_id, run_at, priority
       )
       insert into job_ready (job_id, queue, org, rank, run)
         select made.id, (select number from queues where name = 'default'), shares.number, job_rank(run_at, priority), 0
           from made join shares on shares.id = organization_id`,
      [shares, count - 1, organizations.length],
    );
    await this.db.owner.query(`vacuum (analyze) background_jobs, job_ready`);
    await this.db.owner.query(`checkpoint`);
  }

  /** Jobs that ended on the days before, each with its attempt. */
  async fillHistory(count: number): Promise<void> {
    await this.db.owner.query(
      `with made as (
         insert into background_jobs (id, organization_id, queue, job_type, status, payload, run, attempt_count, progress, run_at, started_at,
             completed_at, created_at, updated_at)
           select ${timeOrderedId('i')}, $1, 'default', 'noop', 'completed', '{"n": 1}', 1, 1, 100, moment, moment, moment, moment, moment
             from generate_series(1, $2::int) i, lateral (select carillon_now() - i * interval '100 milliseconds' moment) t
           returning id, organization_id, started_at, completed_at
       )
       insert into job_attempts (job_id, number, organization_id, worker, outcome, started_at, ended_at)
         select id, 1, organization_id, 'bench', 'completed', started_at, completed_at from made`,
      [this.organization.id, count],
    );
    await this.db.owner.query(`vacuum (analyze) background_jobs, job_attempts`);
    await this.db.owner.query(`checkpoint`);
  }

  /** An engine that is not started yet; the job type is `noop` unless handlers say more. */
  engine(handlers: Handlers, options: Partial<WorkerOptions> & { pool?: SqlPool } = {}): RunningEngine {
    return buildEngine(this.db.url, { pool: this.db.engine, ...options }, handlers);
  }

  /** One worker drains what is queued; jobs a second from its start to the accepted result number `count`. */
  async drainRate(count: number, options: Partial<WorkerOptions> = {}): Promise<number> {
    const { engine, start, stop } = this.engine({ noop: async () => undefined }, options);
    const began = performance.now();
    await start();
    await until(() => engine.worker.counters.accepted >= count, `${count} jobs drained`);
    const seconds = (performance.now() - began) / 1_000;
    await stop();
    return count / seconds;
  }

  /** No jobs, no history of jobs, no limits. */
  async empty(): Promise<void> {
    const { rows } = await this.db.owner.query<{ tables: string }>(
      `select string_agg(oid::regclass::text, ', ') tables from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
         and (relname like 'job\\_%' and relname not in ('job_workers', 'job_type_controls')
              or relname in ('background_jobs', 'queue_shares', 'organization_controls'))`,
    );
    await this.db.owner.query(`truncate ${rows[0]!.tables} cascade`);
    await this.db.owner.query(`checkpoint`);
  }
}

/** An engine of the product as a worker process has it. */
export function buildEngine(
  url: string,
  options: Partial<WorkerOptions> & { pool: SqlPool },
  handlers: Handlers,
): RunningEngine {
  const { pool } = options;
  const listen = () => new pg.Client(connectionOptions({ url }, 'carillon_engine'));
  const wakeups = new Wakeups({ pool, listen, log: quiet });
  const client = new JobClient({ pool, wakeups });
  const known = Object.entries(handlers).map(([type, run]) => ({
    type,
    run,
    checkPayload: (raw: unknown) => Promise.resolve(raw),
  }));
  const byType = new Map(known.map((handler) => [handler.type, handler]));
  const engine = new JobEngine({
    client,
    wakeups,
    handler: (type) => byType.get(type),
    name: 'bench',
    concurrency: 100,
    queues: [],
    leaseMs: 15_000,
    pollMs: 1_000,
    graceMs: 5_000,
    log: quiet,
    ...options,
  });
  return {
    engine,
    client,
    async start() {
      wakeups.start();
      await engine.start();
    },
    async stop() {
      await engine.stop();
      await wakeups.stop();
    },
  };
}

/** A UUIDv7 of the present for row number `i` of one statement, in its order. */
const timeOrderedId = (i: string) =>
  `(lpad(to_hex((extract(epoch from statement_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || lpad(to_hex(mod(extract(microseconds from statement_timestamp())::int, 1000)), 3, '0') || '8' || lpad(to_hex(${i}), 15, '0'))::uuid`;

async function makeOrganizations(owner: pg.Pool, count: number): Promise<Organization[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  const { rows } = await owner.query<Organization>(
    `insert into organizations (id, name, slug) select id, 'bench', 'bench-' || id from unnest($1::uuid[]) id returning id, number`,
    [ids],
  );
  return rows;
}
