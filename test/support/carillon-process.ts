/** Real processes of the built product: started, watched and ended by their number. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf } from './process-table.js';

export const root = path.join(__dirname, '../..');

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface CarillonProcess {
  pid: number;
  /** Resolves when the process has ended and its output is complete. */
  ended: Promise<Ending>;
  stdout(): string;
  stderr(): string;
  /** Waits until the output matches. @throws when the process ends first, or after `timeoutMs` */
  output(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  kill(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  /** Over an environment that is otherwise empty but for PATH, PORT=0 and DEMO=false. */
  env?: Record<string, string>;
  /** Another program than `carillon`, e.g. `['npm', 'start']`. */
  program?: string[];
  cwd?: string;
  /** Runs as this user; only root may ask for it. */
  uid?: number;
}

const running = new Set<ChildProcess>();

/** `carillon <words>` from dist/, which the global setup of the e2e project has built. */
export function startCarillon(
  words: string[],
  { env = {}, program, cwd = root, uid }: StartOptions = {},
): CarillonProcess {
  const [file = '', ...first] = program ?? [process.execPath, path.join(root, 'dist/src/cli.js')];
  const child = spawn(file, [...first, ...words], {
    cwd,
    env: { PATH: process.env.PATH, HOME: os.tmpdir(), PORT: '0', DEMO: 'false', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  });
  running.add(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    kill: (signal) => child.kill(signal),
    async output(pattern, timeoutMs = 30_000) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const all = `${text.stdout}\n${text.stderr}`;
        const match = pattern.exec(all);
        if (match) return match;
        if (!running.has(child)) throw new Error(`the process ended without ${String(pattern)}:\n${all}`);
        if (performance.now() > deadline) throw new Error(`no ${String(pattern)} in ${timeoutMs} ms:\n${all}`);
        await delay(20);
      }
    },
  };
}

/** The address on which a `start` or `api` process answers. */
export const untilListening = async (process: CarillonProcess): Promise<string> =>
  (await process.output(/listening on (http:\/\/[\w.:]+)/))[1]!;

/** For afterEach: nothing that a failed test started goes on, children of children (npm's) included. */
export async function killAll(): Promise<void> {
  const children = [...running];
  await Promise.all(
    children.map((child) => {
      const closed = new Promise((resolve) => child.once('close', resolve));
      for (const pid of child.pid === undefined ? [] : familyOf(child.pid)) kill(pid);
      return closed;
    }),
  );
}

const familyOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(familyOf)];

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ended by itself since
  }
}

/** Another user than root, to whom nothing belongs. */
export const nobody = 65_534;
export const asRoot = process.getuid?.() === 0;

/** A fresh folder for DATA_DIR, away with everything in it after the test. Open to others (PostgreSQL is another user under root) unless `mode` says otherwise. */
export function temporaryFolder({ owner, mode = 0o755 }: { owner?: number; mode?: number } = {}): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'carillon-process-'));
  chmodSync(folder, mode);
  if (owner !== undefined) chownSync(folder, owner, owner);
  folders.push(folder);
  return folder;
}
const folders: string[] = [];

export async function removeFolders(): Promise<void> {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Waits until `condition` holds. @throws after `timeoutMs`, with `what` */
export async function until(what: string, condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}
