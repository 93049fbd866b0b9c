// `npm test`: builds when a source is newer than the build, then all rings of tests; words after `--` go to Jest, e.g. `npm test -- --selectProjects unit`.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildIfStale } from './build-if-stale.mjs';

const root = path.join(import.meta.dirname, '..');
const report = path.join(os.tmpdir(), `carillon-tests-${process.pid}.json`);
const jest = path.join(root, 'node_modules/jest/bin/jest.js');
buildIfStale();
const words = [jest, '--json', `--outputFile=${report}`, ...process.argv.slice(2)];
// --json prints the whole report on standard output, too: it is in the file already
const run = spawnSync(process.execPath, words, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
summarize();
process.exitCode = run.status ?? 1;

/** Skipped tests are named with their suite: a skip has a reason, and it stands in the name. */
function summarize() {
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('the tests did not run to their end');
    return;
  } finally {
    rmSync(report, { force: true });
  }
  for (const { assertionResults } of results.testResults)
    for (const { status, fullName } of assertionResults)
      if (status === 'pending' || status === 'todo') console.log(`skipped: ${fullName}`);
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
  const broken = numRuntimeErrorTestSuites > 0 ? `${numRuntimeErrorTestSuites} file(s) could not be run` : '';
  if (broken) console.log(broken);
  console.log(
    `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed, ${numPendingTests + numTodoTests} skipped`,
  );
}
