/** What it costs the others that a thousand running jobs tell how far they are, ten times a second. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobContext } from '@carillon/job-engine';
import { type Figure, median, until } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';

export const progressScenario: Scenario = {
  name: 'progress',
  async run(bench, { smoke }) {
    const scale = smoke ? { reporters: 20, drain: 100, rounds: 1 } : { reporters: 1_000, drain: 23_000, rounds: 3 };
    const rates = { silent: [] as number[], reporting: [] as number[] };
    let stored = 0;
    for (let i = 0; i < scale.rounds; i++) {
      rates.silent.push((await drainBeside(bench, scale, false)).rate);
      const reporting = await drainBeside(bench, scale, true);
      rates.reporting.push(reporting.rate);
      stored = reporting.stored;
    }
    const running = `${scale.reporters.toLocaleString('en')} running jobs`;
    return [
      { name: `drain beside ${running} that are silent`, value: median(rates.silent), unit: 'jobs/s' },
      {
        name: `drain beside ${running} that report 10 times a second : silent`,
        value: median(rates.reporting) / median(rates.silent),
        unit: '×',
        goal: { atLeast: 0.9 },
      },
      { name: 'jobs whose progress was stored meanwhile', value: stored, unit: 'jobs' },
    ] satisfies Figure[];
  },
};

async function drainBeside(
  bench: Workbench,
  { reporters, drain }: { reporters: number; drain: number },
  reporting: boolean,
) {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  let running = 0;
  let done = 0;
  const { client, start, stop } = bench.engine(
    {
      noop: async () => {
        done++;
      },
      reporter: async (_, ctx) => {
        running++;
        await (reporting
          ? report(ctx, end.signal)
          : delay(3_600_000, undefined, { signal: end.signal }).catch(() => undefined));
      },
    },
    // polls seldom, so that the drain begins when it is told to
    { concurrency: reporters + 100, pollMs: 60_000 },
  );
  await start();
  const reporterRequest = { ...bench.request(), jobType: 'reporter' };
  await client.enqueue(
    bench.db.engine,
    Array.from({ length: reporters }, () => reporterRequest),
  );
  client.wake();
  await until(() => running >= reporters, `${reporters} jobs running`);
  await delay(reporting ? 500 : 0); // each has reported
  await bench.enqueue(drain);
  const began = performance.now();
  client.wake();
  await until(() => done >= drain, `${drain} jobs drained`);
  const rate = drain / ((performance.now() - began) / 1_000);
  const { rows } = await bench.db.owner.query<{ stored: number }>(`select count(*)::int stored from job_progress`);
  end.abort();
  await stop();
  await bench.empty();
  return { rate, stored: rows[0]!.stored };
}

/** Not awaited: the latest counts, and those of many jobs share a statement. */
async function report(ctx: JobContext, ended: AbortSignal): Promise<void> {
  for (let step = 0; !ended.aborted; step++) {
    void ctx.progress(step % 100, `step ${step}`);
    await delay(100, undefined, { signal: ended }).catch(() => undefined);
  }
}
