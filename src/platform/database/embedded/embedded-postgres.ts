/** Runs the packaged PostgreSQL as a child: nothing to install, nothing left behind. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries, type ServerUser, serverEnvironment } from './binaries.js';
import { lockFolder } from './folder-lock.js';
import { commandLine, isAlive } from './process-table.js';

export interface EmbeddedPostgresOptions {
  /** Folder of the cluster, its password and its lock. As root it must not lie where the server's user cannot enter. */
  home: string;
  /** Server settings beyond the defaults below. */
  settings?: Record<string, string>;
  log?: (line: string) => void;
  /** Called when the server ends without having been asked to. */
  onCrash?: (reason: string) => void;
}

const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '80',
  shared_buffers: '128MB',
  wal_compression: 'on',
  max_wal_size: '1GB',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_checkpoints: 'off',
};

export class EmbeddedPostgres {
  private readonly data: string;
  private readonly passwordFile: string;
  private child: ChildProcess | undefined;
  private release = () => {};
  private stopping = false;
  private bin = '';
  private user: ServerUser = {};

  constructor(private readonly options: EmbeddedPostgresOptions) {
    this.data = path.join(options.home, 'data');
    this.passwordFile = path.join(options.home, 'password');
  }

  /**
   * Starts the server and answers its superuser URL (database `postgres`).
   * @throws FolderInUse when another live process owns the folder
   */
  async start(): Promise<{ url: string; created: boolean }> {
    mkdirSync(this.options.home, { recursive: true, mode: 0o755 });
    this.release = lockFolder(this.options.home);
    try {
      this.user = serverUser(this.data);
      this.bin = findBinaries(this.options.home, this.user);
      const created = !existsSync(path.join(this.data, 'PG_VERSION'));
      if (created) this.createCluster();
      await this.stopOrphan();
      const port = await this.launchWithRetries();
      const password = readFileSync(this.passwordFile, 'utf8').trim();
      return { url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, created };
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Fast shutdown; returns once the server has ended. Safe to repeat. */
  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.ref();
      child.kill('SIGINT');
      await ended;
    }
    this.release();
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  private createCluster(): void {
    rmSync(this.data, { recursive: true, force: true }); // an initdb that was cut off
    const fresh = `${this.data}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o700 });
    if (!existsSync(this.passwordFile))
      writeFileSync(this.passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
    const passwordCopy = path.join(os.tmpdir(), `carillon-${randomBytes(8).toString('hex')}`);
    writeFileSync(passwordCopy, readFileSync(this.passwordFile), { mode: 0o600 });
    if (this.user.uid !== undefined)
      for (const file of [fresh, passwordCopy]) chownSync(file, this.user.uid, this.user.gid);
    const flags = [
      '-D',
      fresh,
      '-U',
      'postgres',
      '--pwfile',
      passwordCopy,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
      '--data-checksums',
    ];
    const run = spawnSync(path.join(this.bin, 'initdb'), flags, {
      ...this.user,
      cwd: '/',
      encoding: 'utf8',
      env: serverEnvironment,
    });
    rmSync(passwordCopy, { force: true });
    if (run.status !== 0) throw new Error(`initdb failed: ${run.error?.message ?? run.stderr}`);
    renameSync(fresh, this.data);
  }

  /** A server whose parent was killed before it could be told; ours by its command line, so nobody else's is touched. */
  private async stopOrphan(): Promise<void> {
    const pidFile = path.join(this.data, 'postmaster.pid');
    if (!existsSync(pidFile)) return;
    const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    if (!(pid > 1) || !isAlive(pid) || !commandLine(pid).includes(this.data)) return;
    this.options.log?.(`stopping the PostgreSQL that an earlier process left behind (${pid})`);
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
      process.kill(pid, signal);
      for (let i = 0; i < 200 && isAlive(pid); i++) await delay(50);
      if (!isAlive(pid)) return;
    }
  }

  /** Retried: the pid file of a killed server that init has not reaped yet, and a lost race for the port. */
  private async launchWithRetries(): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      try {
        await this.launch(port);
        return port;
      } catch (error) {
        const passing = /already exists|Address already in use|pre-existing shared memory/.test(
          (error as Error).message,
        );
        if (!passing || attempt >= 20) throw error;
        await delay(500);
      }
    }
  }

  private async launch(port: number): Promise<void> {
    const settings = { ...defaults, ...this.options.settings, port: String(port) };
    const flags = ['-D', this.data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    // sh starts a watcher that reads a pipe from us and then becomes postgres (same pid): however this process ends,
    // kill -9 included, the pipe closes and the watcher asks postgres for a fast shutdown. No orphan.
    const script =
      '{ exec 3<&0; }; (read -r _ <&3; kill -INT $$ 2>/dev/null) >/dev/null 2>&1 & exec 3<&-; exec "$@" </dev/null';
    const child = spawn('/bin/sh', ['-c', script, 'sh', path.join(this.bin, 'postgres'), ...flags], {
      ...this.user,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: serverEnvironment,
    });
    await untilReady(child);
    this.child = child;
    child.once('exit', (code, signal) => {
      if (!this.stopping) this.options.onCrash?.(`the embedded PostgreSQL ended (code ${code}, signal ${signal})`);
    });
    child.unref();
    for (const stream of [child.stdin, child.stderr]) (stream as unknown as net.Socket).unref();
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  let tail = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not become ready in 60 s\n${tail}`)), 60_000);
    const ended = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ended while starting (code ${code}, signal ${signal})\n${tail}`));
    };
    child.once('error', reject);
    child.once('exit', ended);
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-4_000);
      if (!tail.includes('ready to accept connections')) return;
      clearTimeout(timer);
      child.off('exit', ended);
      resolve();
    });
  });
}

/** As root: the owner of the cluster, else the system's `postgres`, else nobody. */
function serverUser(data: string): ServerUser {
  if (process.getuid?.() !== 0) return {};
  if (existsSync(data)) {
    const { uid, gid } = statSync(data);
    if (uid !== 0) return { uid, gid };
  }
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((l) => l.startsWith('postgres:'));
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
