/** What the tests look up about other processes in /proc. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { commandLine, isAlive } from '../../src/platform/database/embedded/process-table.js';

export { isAlive };

/** Numbers of all living processes with `word` among the words they were started with. */
export function processesWith(word: string): number[] {
  return livingProcesses().filter((pid) => commandLine(pid).includes(word));
}

/** The number of the embedded server on a folder of `DATA_DIR`, or of its home. */
export function serverOf(home: string): number {
  return Number(readFileSync(`${home}/data/postmaster.pid`, 'utf8').split('\n')[0]);
}

/** All living processes whose command line or environment holds `text`. */
export function processesShowing(text: string): number[] {
  return livingProcesses().filter((pid) => ['cmdline', 'environ'].some((file) => readable(pid, file).includes(text)));
}

export function childrenOf(parent: number): number[] {
  return livingProcesses().filter((pid) => readable(pid, 'status').includes(`\nPPid:\t${parent}\n`));
}

/** Whether the process has a TCP socket that takes connections. */
export function listens(pid: number): boolean {
  const listening = ['tcp', 'tcp6']
    .flatMap((file) => readable(pid, `net/${file}`).split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A')
    .map((fields) => `socket:[${fields[9]}]`);
  return openFiles(pid).some((target) => new Set(listening).has(target));
}

/** Sum of what the processes have to themselves plus their part of what they share, in bytes. */
export function memoryOf(pids: number[]): number {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readable(pid, 'smaps_rollup'))?.[1] ?? 0));
  return kilobytes.reduce((sum, part) => sum + part, 0) * 1_024;
}

function livingProcesses(): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && isAlive(pid));
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((file) => {
    try {
      return readlinkSync(`${folder}/${file}`);
    } catch {
      return ''; // closed since
    }
  });
}

function readable(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // ended since, or another user's
  }
}
