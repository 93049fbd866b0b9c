/** The same drain where much lies around: history, a deep queue, many organisations; and two worker processes instead of one. */
import { type Figure, median } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';
import { type WorkerProcess, startWorkerProcess } from '../worker-processes.js';

export const depthScenario: Scenario = {
  name: 'depth',
  async run(bench, { smoke }) {
    const scale = smoke
      ? { drain: 100, rows: 1_000, organizations: 10, drains: 1 }
      : { drain: 23_000, rows: 1_000_000, organizations: 1_000, drains: 3 };
    return [...(await deep(bench, scale)), ...(await twoProcesses(bench, scale.drain * 2, scale.drains))];
  },
};

interface Scale {
  drain: number;
  rows: number;
  organizations: number;
  drains: number;
}

async function deep(bench: Workbench, scale: Scale): Promise<Figure[]> {
  const rows = scale.rows.toLocaleString('en');
  const shallow = async () => {
    await bench.enqueue(scale.drain);
    return bench.drainRate(scale.drain);
  };
  const before = await several(scale.drains, shallow);
  await bench.empty();

  await bench.fillHistory(scale.rows);
  const history = await several(scale.drains, shallow);
  await bench.empty();

  await bench.fill(scale.rows);
  const queued = await several(scale.drains, () => bench.drainRate(scale.drain));
  await bench.empty();

  await bench.fill(scale.rows, await bench.makeOrganizations(scale.organizations));
  const organizations = await several(scale.drains, () => bench.drainRate(scale.drain));
  await bench.empty();

  // the machine may have changed its mind meanwhile
  const after = await several(scale.drains, shallow);
  await bench.empty();
  const empty = median([...before, ...after]);
  const ratio = (name: string, rates: number[]): Figure => ({
    name: `drain with ${name} : on an empty table`,
    value: median(rates) / empty,
    unit: '×',
    goal: { atLeast: 0.8 },
  });
  return [
    { name: 'drain on an empty table', value: empty, unit: 'jobs/s' },
    ratio(`${rows} rows of history`, history),
    ratio(`${rows} queued`, queued),
    ratio(`${rows} queued of ${scale.organizations.toLocaleString('en')} organisations`, organizations),
  ];
}

/** Real processes; the clock runs from their common start to the last accepted result. */
async function twoProcesses(bench: Workbench, count: number, drains: number): Promise<Figure[]> {
  const rates: Record<1 | 2, number[]> = { 1: [], 2: [] };
  for (let i = 0; i < drains; i++)
    for (const processes of [1, 2] as const) {
      await bench.enqueue(count);
      rates[processes].push(await drainBy(bench, processes, count));
      await bench.empty();
    }
  return [
    { name: 'drain by one worker process', value: median(rates[1]), unit: 'jobs/s' },
    {
      name: 'two worker processes : one',
      value: median(rates[2]) / median(rates[1]),
      unit: '×',
      goal: { atLeast: 1.6 },
    },
  ];
}

async function drainBy(bench: Workbench, processes: number, count: number): Promise<number> {
  const workers: WorkerProcess[] = [];
  try {
    for (let i = 0; i < processes; i++) workers.push(await startWorkerProcess(bench.db.url));
    const began = performance.now();
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (workers.reduce((sum, worker) => sum + worker.accepted, 0) >= count) resolve();
      };
      for (const worker of workers) {
        worker.onProgress(look);
        worker.failed.catch(reject);
        worker.go();
      }
    });
    return count / ((performance.now() - began) / 1_000);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function several(times: number, measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let i = 0; i < times; i++) values.push(await measure());
  return values;
}
