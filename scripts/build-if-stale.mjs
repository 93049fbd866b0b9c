// Builds dist/ when a source is newer than the last build, so that `npm start` is quick the second time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const stamp = path.join(root, 'dist', '.built-from');
const lock = path.join(root, '.building');
const sources = [
  'src',
  'libs',
  'migrations',
  'bench',
  'examples',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'nest-cli.json',
];

/** Two starts at once in a fresh clone: one builds, the other waits for it. */
export function buildIfStale() {
  if (isFresh()) return;
  const release = lockBuild();
  const built = isFresh() || build();
  release();
  if (!built) process.exit(1); // the compiler has said why
}

function isFresh() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function build() {
  const from = fingerprint();
  console.log('building …');
  const run = spawnSync(process.execPath, [path.join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (run.status === 0) writeFileSync(stamp, from);
  return run.status === 0;
}

/** A folder is made by one only. One whose maker was killed is taken over after it has gone. */
function lockBuild() {
  const owner = path.join(lock, 'pid');
  for (;;) {
    try {
      mkdirSync(lock);
      writeFileSync(owner, String(process.pid));
      return () => rmSync(lock, { recursive: true, force: true });
    } catch (error) {
      if (error.code === 'EROFS' || error.code === 'EACCES' || error.code === 'ENOENT') return () => {}; // not ours to write: nobody else builds here either
      if (error.code !== 'EEXIST') throw error;
    }
    if (isGone(owner)) rmSync(lock, { recursive: true, force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function isGone(owner) {
  try {
    process.kill(Number(readFileSync(owner, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    return error.code === 'ENOENT' && existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 5_000;
  }
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

if (process.argv[1] === import.meta.filename) buildIfStale();
