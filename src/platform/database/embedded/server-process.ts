/** One run of the PostgreSQL server as a child that never outlives this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { serverEnvironment } from './binaries.js';
import type { ServerUser } from './server-user.js';

/** Small machines first: few processes, no JIT, nothing for replication; durable as PostgreSQL is by default. */
const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '80',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  wal_compression: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_checkpoints: 'off',
};

/** So long may a starting server be silent; one that recovers much after a crash reports every ten seconds. */
const patienceMs = 60_000;
/** A fast shutdown takes one checkpoint; whoever stops us (docker: 10 s) has less patience than a slow disk. */
const shutdownMs = 8_000;

export interface ServerOptions {
  bin: string;
  data: string;
  user: ServerUser;
  settings: Record<string, string>;
  onCrash: (reason: string) => void;
}

export class ServerProcess {
  private stopping = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Starts on a free port and resolves once connections are accepted; a lost race for the port or the last backend of a killed server is waited for. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ServerProcess.launch(options, await freePort());
      } catch (error) {
        const passing = /Address already in use|pre-existing shared memory/.test((error as Error).message);
        if (!passing || attempt >= 20) throw error;
        await delay(500);
      }
    }
  }

  private static async launch(
    { bin, data, user, settings, onCrash }: ServerOptions,
    port: number,
  ): Promise<ServerProcess> {
    const all = { ...defaults, ...settings, port: String(port) };
    const flags = ['-D', data, ...Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
    const child = spawn('/bin/sh', ['-c', watched, 'sh', path.join(bin, 'postgres'), ...flags], {
      ...user,
      cwd: '/',
      detached: true, // a session of its own: Ctrl-C in the terminal is for us, and we tell the server
      stdio: ['pipe', 'ignore', 'pipe'],
      env: serverEnvironment,
    });
    const output = await untilReady(child);
    const server = new ServerProcess(child, port);
    child.once('exit', (code, signal) => {
      if (!server.stopping) onCrash(`the embedded PostgreSQL ended (${outcome(code, signal)})${lastWords(output())}`);
    });
    child.unref();
    for (const stream of [child.stdin, child.stderr]) (stream as net.Socket).unref();
    return server;
  }

  /** Fast shutdown, and an immediate one when that takes too long. Returns once the server has ended; safe to repeat. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const impatience = setTimeout(() => child.kill('SIGQUIT'), shutdownMs);
    child.kill('SIGINT');
    await ended;
    clearTimeout(impatience);
  }
}

/**
 * sh starts a watcher that reads a pipe from us and then becomes postgres (same pid): however this process ends, kill -9 included,
 * the pipe closes and the watcher asks postgres for a fast shutdown. No orphan.
 */
const watched =
  'exec 3<&0; (read -r _ <&3; kill -INT $$ 2>/dev/null) >/dev/null 2>&1 & exec 3<&-; exec "$@" </dev/null';

/** Resolves with a look at the latest output; rejects with it when the server ends or falls silent. */
function untilReady(child: ChildProcess): Promise<() => string> {
  let tail = '';
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      child.kill('SIGQUIT');
      reject(new Error(`PostgreSQL did not become ready: no word for ${patienceMs / 1_000} s\n${tail}`));
    };
    let timer = setTimeout(giveUp, patienceMs);
    const ended = (code: number | null, signal: string | null) => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ended while starting (${outcome(code, signal)})\n${tail}`));
    };
    child.once('error', reject);
    child.stdin?.on('error', () => undefined); // a child that ends at once closes its end of the pipe
    child.once('exit', ended);
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString()).slice(-4_000);
      clearTimeout(timer);
      if (!child.listeners('exit').includes(ended)) return;
      timer = setTimeout(giveUp, patienceMs);
      if (!tail.includes('ready to accept connections')) return;
      clearTimeout(timer);
      child.off('exit', ended);
      resolve(() => tail);
    });
  });
}

const outcome = (code: number | null, signal: string | null) => (signal ? `signal ${signal}` : `code ${code}`);

/** The line that tells why, where the server could still write one: a full disk, a broken file. */
function lastWords(output: string): string {
  const line = output.split('\n').findLast((l) => /PANIC|FATAL/.test(l));
  return line ? `: ${line}` : '';
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
