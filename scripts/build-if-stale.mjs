// Builds dist/ when a source is newer than the last build, so that `npm start` is quick the second time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const stamp = path.join(root, 'dist', '.built-from');
const sources = [
  'src',
  'libs',
  'migrations',
  'bench',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'nest-cli.json',
];

export function buildIfStale() {
  const now = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  console.log('building …');
  const run = spawnSync(process.execPath, [path.join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  writeFileSync(stamp, now);
}

/** Names, sizes and times of all sources: far quicker than reading them. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const source of sources) {
    const full = path.join(root, source);
    if (existsSync(full))
      for (const file of filesIn(full)) {
        const { size, mtimeMs } = statSync(file);
        hash.update(`${path.relative(root, file)} ${size} ${mtimeMs}\n`);
      }
  }
  return hash.digest('hex');
}

function filesIn(entry) {
  if (statSync(entry).isFile()) return [entry];
  return readdirSync(entry, { withFileTypes: true, recursive: true })
    .filter((e) => e.isFile() && !e.parentPath.includes('node_modules'))
    .map((e) => path.join(e.parentPath, e.name))
    .sort();
}
