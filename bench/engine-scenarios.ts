/** What the engine's benchmark measures. Each scenario begins with empty queues and answers figures, higher or lower being better as named. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { JobClient, JobEngine, Wakeups } from '@carillon/job-engine';
import { connectionOptions } from '../src/platform/database/index.js';
import type { BenchDatabase } from './bench-database.js';

export interface Scale {
  /** Jobs enqueued one by one, by 16 callers. */
  single: number;
  /** Batches of 1,000. */
  bulk: number;
  /** No-op jobs to drain. */
  drain: number;
  /** Jobs whose latency is taken. */
  latency: number;
}

export const fullScale: Scale = { single: 20_000, bulk: 20, drain: 23_000, latency: 500 };

export interface Figure {
  name: string;
  value: number;
  unit: 'jobs/s' | 'ms';
}

const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error };

export class EngineScenarios {
  private constructor(
    private readonly db: BenchDatabase,
    private readonly organizationId: string,
  ) {}

  static async on(db: BenchDatabase): Promise<EngineScenarios> {
    const id = uuidv7();
    await db.owner.query(`insert into organizations (id, name, slug) values ($1, 'bench', 'bench')`, [id]);
    return new EngineScenarios(db, id);
  }

  async run(scale: Scale): Promise<Figure[]> {
    const figures = [await this.oneByOne(scale.single), await this.bulk(scale.bulk), await this.drain(scale.drain)];
    return [...figures, ...(await this.latency(scale.latency))];
  }

  private readonly request = () => ({ organizationId: this.organizationId, jobType: 'noop', payload: { n: 1 } });

  /** 16 callers, each waiting for its commit before the next: gathered into common INSERTs. */
  private async oneByOne(count: number): Promise<Figure> {
    const client = new JobClient({ pool: this.db.engine });
    await client.enqueueGathered(this.request());
    let left = count;
    const caller = async () => {
      while (left-- > 0) await client.enqueueGathered(this.request());
    };
    const seconds = await timed(() => Promise.all(Array.from({ length: 16 }, caller)));
    await this.empty();
    return { name: 'enqueue one by one, 16 callers', value: count / seconds, unit: 'jobs/s' };
  }

  private async bulk(batches: number): Promise<Figure> {
    const client = new JobClient({ pool: this.db.engine });
    const seconds = await timed(async () => {
      for (let i = 0; i < batches; i++)
        await client.enqueue(this.db.engine, Array.from({ length: 1_000 }, this.request));
    });
    await this.empty();
    return { name: 'enqueue in bulk of 1,000', value: (batches * 1_000) / seconds, unit: 'jobs/s' };
  }

  /** One worker process; the clock runs from its start to the last accepted result. */
  private async drain(count: number): Promise<Figure> {
    const client = new JobClient({ pool: this.db.engine });
    for (let left = count; left > 0; left -= 1_000)
      await client.enqueue(this.db.engine, Array.from({ length: Math.min(left, 1_000) }, this.request));
    const { engine, stop } = this.engine(async () => undefined);
    const seconds = await timed(async () => {
      await engine.start();
      while (engine.worker.counters.accepted < count) await delay(2);
    });
    await stop();
    await this.empty();
    return { name: `drain ${count.toLocaleString('en')} no-op jobs`, value: count / seconds, unit: 'jobs/s' };
  }

  /** From the call of enqueue to the first line of the handler, while the worker is idle. */
  private async latency(count: number): Promise<Figure[]> {
    let started: (at: number) => void = () => {};
    const { engine, client, stop } = this.engine(async () => started(performance.now()));
    await engine.start();
    const took: number[] = [];
    for (let i = -20; i < count; i++) {
      const running = new Promise<number>((resolve) => {
        started = resolve;
      });
      const asked = performance.now();
      await client.enqueueGathered(this.request());
      const ms = (await running) - asked;
      if (i >= 0) took.push(ms); // the first few warm caches and prepared statements
      await delay(4);
    }
    await stop();
    await this.empty();
    took.sort((a, b) => a - b);
    return [50, 99].map((p) => ({
      name: `latency from enqueue to handler, idle, p${p}`,
      value: took[Math.min(took.length - 1, Math.floor((took.length * p) / 100))]!,
      unit: 'ms',
    }));
  }

  private engine(run: () => Promise<unknown>) {
    const pool = this.db.engine;
    const listen = () => new pg.Client(connectionOptions({ url: this.db.url }, 'carillon_engine'));
    const wakeups = new Wakeups({ pool, listen, log: quiet });
    const client = new JobClient({ pool, wakeups });
    const handler = { type: 'noop', checkPayload: (raw: unknown) => Promise.resolve(raw), run };
    const engine = new JobEngine({
      pool,
      client,
      wakeups,
      handler: () => handler,
      name: 'bench',
      concurrency: 100,
      queues: [],
      leaseMs: 15_000,
      pollMs: 1_000,
      graceMs: 5_000,
      log: quiet,
    });
    wakeups.start();
    const stop = async () => {
      await engine.stop();
      await wakeups.stop();
    };
    return { engine, client, stop };
  }

  private async empty(): Promise<void> {
    await this.db.owner.query(`truncate background_jobs, job_attempts, job_ready, job_later, job_claims, job_progress`);
    await this.db.owner.query(`checkpoint`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
