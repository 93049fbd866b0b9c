import path from 'node:path';
import { root, startCarillon } from '../support/carillon-process.js';

it('every scenario of the benchmark runs in its smallest form and prints its figures', async () => {
  const program = [process.execPath, path.join(root, 'dist/bench/main.js')];
  const bench = startCarillon(['--smoke'], { program });
  expect(await bench.ended).toEqual({ code: 0, signal: null });
  const figures = [...bench.stdout().matchAll(/^\| (.+?) +\| +([\d.,]+) (\S+) +\|/gm)].map(([, name, value]) => ({
    name,
    value,
  }));
  const names = [
    'enqueue one by one, 16 callers',
    'latency from enqueue to handler, idle, p99',
    'two worker processes : one',
    'starts at weights 3 : 1 while both have work',
    'claim at 800 jobs/s beside an open transaction, p99',
    'drain beside 20 running jobs that report 10 times a second : silent',
  ];
  for (const name of names) expect(figures).toContainEqual({ name, value: expect.stringMatching(/^[\d.,]+$/) });
}, 240_000);
