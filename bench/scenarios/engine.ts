/** The engine alone: what goes in, what comes out, and how long a job waits that nobody is before. */
import { setTimeout as delay } from 'node:timers/promises';
import { JobClient } from '@carillon/job-engine';
import { type Figure, percentile, timed } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';

export const engineScenario: Scenario = {
  name: 'engine',
  async run(bench, { smoke }) {
    const scale = smoke
      ? { single: 64, bulk: 1, drain: 100, latency: 5 }
      : { single: 20_000, bulk: 20, drain: 23_000, latency: 500 };
    return [
      await oneByOne(bench, 16, scale.single),
      await oneByOne(bench, 256, scale.single * 2),
      await bulk(bench, scale.bulk),
      await drain(bench, scale.drain),
      ...(await latency(bench, scale.latency)),
    ];
  },
};

/** So many callers, each waiting for its commit before the next: gathered into common INSERTs. */
export async function oneByOne(bench: Workbench, callers: number, count: number): Promise<Figure> {
  const client = new JobClient({ pool: bench.db.engine });
  await client.enqueueGathered(bench.request());
  let left = count;
  const caller = async () => {
    while (left-- > 0) await client.enqueueGathered(bench.request());
  };
  const seconds = await timed(() => Promise.all(Array.from({ length: callers }, caller)));
  await bench.empty();
  return { name: `enqueue one by one, ${callers} callers`, value: count / seconds, unit: 'jobs/s' };
}

export async function bulk(bench: Workbench, batches: number): Promise<Figure> {
  await bench.enqueue(1);
  const seconds = await timed(() => bench.enqueue(batches * 1_000));
  await bench.empty();
  return { name: 'enqueue in bulk of 1,000', value: (batches * 1_000) / seconds, unit: 'jobs/s' };
}

/** One worker process; the clock runs from its start to the last accepted result. */
export async function drain(bench: Workbench, count: number): Promise<Figure> {
  await bench.enqueue(count);
  const value = await bench.drainRate(count);
  await bench.empty();
  return { name: `drain ${count.toLocaleString('en')} no-op jobs`, value, unit: 'jobs/s' };
}

/** From the call of enqueue to the first line of the handler, while the worker is idle. */
export async function latency(bench: Workbench, count: number): Promise<Figure[]> {
  let started: (at: number) => void = () => {};
  const { client, start, stop } = bench.engine({ noop: async () => started(performance.now()) });
  await start();
  const took: number[] = [];
  for (let i = -20; i < count; i++) {
    const running = new Promise<number>((resolve) => {
      started = resolve;
    });
    const asked = performance.now();
    await client.enqueueGathered(bench.request());
    const ms = (await running) - asked;
    if (i >= 0) took.push(ms); // the first few warm caches and prepared statements
    await delay(4);
  }
  await stop();
  await bench.empty();
  const goals: Record<number, number> = { 50: 2.5, 99: 8 };
  return [50, 99].map((p) => ({
    name: `latency from enqueue to handler, idle, p${p}`,
    value: percentile(took, p),
    unit: 'ms',
    goal: { atMost: goals[p]! },
  }));
}
