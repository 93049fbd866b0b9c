/** What can be known about another process by its number. */
import { readFileSync } from 'node:fs';

/** False for a zombie too: killed but not yet reaped, it still answers `kill(pid, 0)`. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const stat = readStat(pid);
  return stat === undefined ? process.platform !== 'linux' : !/^[ZX]/.test(stat);
}

/** Start time in clock ticks since boot, which tells a reused number from the process that once had it; empty where /proc is missing. */
export function startTime(pid: number): string {
  return readStat(pid)?.split(' ')[19] ?? '';
}

/** The words with which it was started; none where /proc is missing. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/** /proc/<pid>/stat behind the name in parentheses: the state comes first. */
function readStat(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2);
  } catch {
    return undefined;
  }
}
