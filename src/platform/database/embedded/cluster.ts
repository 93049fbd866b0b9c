/** The files of a cluster: made once, and cleared of what a crash left behind. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverEnvironment } from './binaries.js';
import { commandLine, isAlive } from './process-table.js';
import type { ServerUser } from './server-user.js';

/** The folder of the cluster in its home, and of the superuser's password beside it. */
export const dataFolder = (home: string) => path.join(home, 'data');
const passwordFile = (home: string) => path.join(home, 'password');

export const readPassword = (home: string) => readFileSync(passwordFile(home), 'utf8').trim();

/**
 * Runs initdb where there is no cluster yet; answers whether it did. It works in a folder of another name that is renamed at the end:
 * whatever cuts it off, `data` is whole or missing.
 */
export function createCluster(home: string, bin: string, user: ServerUser): boolean {
  if (existsSync(path.join(dataFolder(home), 'PG_VERSION'))) return false;
  for (const entry of readdirSync(home))
    if (entry.startsWith('new-')) rmSync(path.join(home, entry), { recursive: true, force: true });
  if (!existsSync(passwordFile(home)))
    writeFileSync(passwordFile(home), `${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  const fresh = path.join(home, `new-${randomBytes(6).toString('hex')}`);
  mkdirSync(fresh, { mode: 0o700 });
  const passwordCopy = `${fresh}.password`; // initdb reads it as the server's user
  writeFileSync(passwordCopy, readPassword(home), { mode: 0o600, flag: 'wx' });
  if (user.uid !== undefined) for (const file of [fresh, passwordCopy]) chownSync(file, user.uid, user.gid);
  const flags = ['-D', fresh, '-U', 'postgres', '--pwfile', passwordCopy, '-A', 'scram-sha-256'];
  const run = spawnSync(
    path.join(bin, 'initdb'),
    [...flags, '-E', 'UTF8', '--locale=C', '--data-checksums', '--no-instructions'],
    { ...user, cwd: '/', encoding: 'utf8', env: serverEnvironment },
  );
  rmSync(passwordCopy, { force: true });
  if (run.status !== 0) throw new Error(`initdb failed: ${run.error?.message ?? run.stderr}`);
  renameSync(fresh, dataFolder(home));
  return true;
}

/**
 * Ends a server whose parent was killed before it could be told, and takes the pid file of a dead one out of the way.
 * A server is ours by its command line, so nobody else's is touched.
 */
export async function clearLeftovers(home: string, log: (line: string) => void): Promise<void> {
  const data = dataFolder(home);
  const pidFile = path.join(data, 'postmaster.pid');
  const pid = recordedPid(pidFile);
  if (pid === undefined) return;
  if (isOurs(pid, data)) {
    log(`stopping the PostgreSQL that an earlier process left behind (${pid})`);
    await stopServer(pid);
  }
  if (recordedPid(pidFile) === pid) disownPidFile(pidFile);
}

/** Fast shutdown, then an immediate one: recovery at the next start is better than no start. */
async function stopServer(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    process.kill(pid, signal);
    for (let i = 0; i < 200 && isAlive(pid); i++) await delay(50);
    if (!isAlive(pid)) return;
  }
  throw new Error(`The PostgreSQL of an earlier process (${pid}) does not end, not even by SIGKILL.`);
}

function isOurs(pid: number, data: string): boolean {
  const [program = '', ...words] = commandLine(pid);
  return isAlive(pid) && program.endsWith('/postgres') && words.includes(data);
}

function recordedPid(pidFile: string): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  return pid > 1 ? pid : undefined;
}

/**
 * PostgreSQL refuses to start while the number in its pid file belongs to any process: a killed server that init has not reaped, or a
 * stranger that got the number since (usual in containers). The number of its own parent it takes for stale, so ours is put there.
 * The file is not removed: its last line names the shared memory by which PostgreSQL finds backends that outlive their server.
 */
function disownPidFile(pidFile: string): void {
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n');
  const { uid, gid } = statSync(pidFile);
  writeFileSync(pidFile, [process.pid, ...rest].join('\n'));
  if (process.getuid?.() === 0) chownSync(pidFile, uid, gid);
}
