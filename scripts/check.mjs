// `npm run check`: everything that can be said about the sources without running tests. All steps run; every failure is reported at the end.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const bin = (name) => path.join(root, 'node_modules', '.bin', name);
const cruised = ['src', 'libs', 'migrations', 'bench', 'examples'].filter((folder) =>
  existsSync(path.join(root, folder)),
);
const steps = [
  ['format', bin('prettier'), '--check', '--log-level', 'warn', '.'],
  ['lint', bin('oxlint'), '--type-aware', '--deny-warnings'],
  ['types', bin('tsc'), '-p', 'tsconfig.json', '--noEmit'],
  ['import rules', bin('depcruise'), '--config', '.dependency-cruiser.cjs', ...cruised],
  ['generated files', process.execPath, 'scripts/generate.mjs', '--check'],
];

const failed = [];
for (const [name, file, ...words] of steps) {
  const since = performance.now();
  const { status, output } = await run(file, words);
  const seconds = ((performance.now() - since) / 1_000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (status === 0) continue;
  failed.push(name);
  console.log(output.replaceAll(/^/gm, '  '));
}
console.log(failed.length > 0 ? `check failed: ${failed.join(', ')}` : 'check passed');
process.exitCode = failed.length > 0 ? 1 : 0;

function run(file, words) {
  return new Promise((resolve) => {
    const child = spawn(file, words, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => resolve({ status: 1, output: error.message }));
    child.once('close', (status) => resolve({ status, output }));
  });
}
