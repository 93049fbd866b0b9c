// `npm run chaos`: the cases of docs/engine-cases.md at their full size, one file after the other. `-- --times 3` repeats them, `-- --short` runs them as CI does.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfStale } from './build-if-stale.mjs';

const root = path.join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { times: { type: 'string', default: '1' }, short: { type: 'boolean', default: false } },
});
const report = path.join(os.tmpdir(), `carillon-chaos-${process.pid}.json`);
buildIfStale();

let failed = 0;
for (let round = 1; round <= Number(values.times); round++) {
  console.log(`round ${round} of ${values.times}, ${values.short ? 'short' : 'full'} form`);
  failed += runRound();
}
console.log(failed > 0 ? `${failed} failed` : 'all passed');
process.exitCode = failed > 0 ? 1 : 0;

function runRound() {
  const since = performance.now();
  const jest = path.join(root, 'node_modules/jest/bin/jest.js');
  const words = [
    '--selectProjects',
    'e2e',
    '--testPathPatterns',
    'test/chaos',
    ...(values.short ? [] : ['--runInBand']),
    '--json',
    '--outputFile',
    report,
  ];
  const env = { ...process.env, ...(!values.short && { CARILLON_CHAOS: 'full' }) };
  spawnSync(process.execPath, [jest, ...words], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('the tests did not run to their end');
    return 1;
  } finally {
    rmSync(report, { force: true });
  }
  for (const { title, status, duration } of byCase(results.testResults.flatMap((file) => file.assertionResults)))
    console.log(
      `${status === 'passed' ? 'ok    ' : 'FAILED'} ${((duration ?? 0) / 1_000).toFixed(1).padStart(7)} s  ${title}`,
    );
  for (const { message } of results.testResults) if (message) console.error(message);
  console.log(`${results.numPassedTests} passed in ${((performance.now() - since) / 1_000).toFixed(0)} s`);
  return results.numFailedTests + results.numRuntimeErrorTestSuites;
}

function byCase(tests) {
  const number = ({ title }) => Number(/^case (\d+)/.exec(title)?.[1] ?? 99);
  return tests.toSorted((a, b) => number(a) - number(b));
}
