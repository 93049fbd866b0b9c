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
/** More failed files than this are no races. */
const mostRaces = 3;
const results = runJest(process.argv.slice(2));
const failed = failedFiles(results);
let status = results?.success ? 0 : 1;
if (results) summarize(results);
else console.error('the tests did not run to their end');
if (failed.length > 0 && failed.length <= mostRaces) secondRun();
process.exitCode = status;

/** Undefined where Jest itself did not come to its end. */
function runJest(words) {
  // --json prints the whole report on standard output, too: it is in the file already
  const all = [jest, '--json', `--outputFile=${report}`, ...words];
  spawnSync(process.execPath, all, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return undefined;
  } finally {
    rmSync(report, { force: true });
  }
}

/**
 * What failed beside all the others runs once more, alone. What fails there fails; what passes was a race, and is named, loudly: a test
 * that needs two runs is a bug to be mended (CONTRIBUTING.md), but not one that the next commit has brought.
 */
function secondRun() {
  console.log(`\nonce more, alone: ${failed.map((file) => path.relative(root, file)).join(', ')}`);
  const again = runJest(['--runInBand', '--runTestsByPath', ...failed]);
  if (!again?.success) return;
  for (const { assertionResults, name } of results.testResults.filter((file) => failed.includes(file.name)))
    for (const test of assertionResults)
      if (test.status === 'failed')
        console.log(`FLAKY, passed only when run alone: ${path.relative(root, name)}: ${test.fullName}`);
  status = 0;
}

function failedFiles(of) {
  return of ? of.testResults.filter(({ status: ended }) => ended === 'failed').map(({ name }) => name) : [];
}

/** Skipped tests are named with their suite: a skip has a reason, and it stands in the name. */
function summarize(of) {
  for (const { assertionResults } of of.testResults)
    for (const { status: ended, fullName } of assertionResults)
      if (ended === 'pending' || ended === 'todo') console.log(`skipped: ${fullName}`);
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = of;
  const broken = numRuntimeErrorTestSuites > 0 ? `${numRuntimeErrorTestSuites} file(s) could not be run` : '';
  if (broken) console.log(broken);
  console.log(
    `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed, ${numPendingTests + numTodoTests} skipped`,
  );
}
