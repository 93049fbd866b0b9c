import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Where the cluster of a data folder lives: inside it, unless we are root and another user could not enter
 * (root's home is 0700, and PostgreSQL never runs as root); then in /var/lib/carillon, one folder a data folder.
 */
export function embeddedHome(dataDir: string): string {
  const inside = path.join(dataDir, 'postgres');
  if (process.getuid?.() !== 0 || othersMayEnter(dataDir)) return inside;
  return path.join('/var/lib/carillon', createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
}

/** Whether every existing folder on the way has the search bit for others. */
function othersMayEnter(folder: string): boolean {
  const parent = path.dirname(folder);
  const here = !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0;
  return here && (parent === folder || othersMayEnter(parent));
}

/** Makes what is missing of the way, open to others whatever the umask: the server may be another user. What it holds is closed to them. */
export function makeEnterable(folder: string): void {
  if (existsSync(folder)) return;
  makeEnterable(path.dirname(folder));
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
}
