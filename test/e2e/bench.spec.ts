import path from 'node:path';
import { root, startCarillon } from '../support/carillon-process.js';

it('the benchmark runs and prints every figure of the engine', async () => {
  const program = [process.execPath, path.join(root, 'dist/bench/main.js')];
  const bench = startCarillon(['--smoke'], { program });
  expect(await bench.ended).toEqual({ code: 0, signal: null });
  for (const name of ['enqueue one by one', 'enqueue in bulk', 'drain 100', 'p50', 'p99'])
    expect(bench.stdout()).toMatch(new RegExp(String.raw`${name}.*\| +[\d.,]+ (?:jobs/s|ms)`));
}, 120_000);
