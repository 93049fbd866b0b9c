import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isAlive, startTime } from './process-table.js';

export class FolderInUse extends Error {
  constructor(folder: string, pid: number) {
    super(
      `The database folder ${folder} is in use by process ${pid}. Stop it, or start this one with another DATA_DIR.`,
    );
  }
}

/**
 * One owner a folder: a file made with O_EXCL that holds the owner's number and start time; stale once that process is gone.
 * @returns the release
 * @throws FolderInUse
 */
export function lockFolder(folder: string): () => void {
  const file = path.join(folder, 'owner.lock');
  const mine = `${process.pid} ${startTime(process.pid)}`;
  for (;;) {
    try {
      writeFileSync(file, mine, { flag: 'wx' });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = readOwner(file);
      if (owner && isAlive(owner.pid) && startTime(owner.pid) === owner.born) throw new FolderInUse(folder, owner.pid);
      rmSync(file, { force: true });
    }
  }
}

function readOwner(file: string): { pid: number; born: string } | undefined {
  try {
    const [pid, born = ''] = readFileSync(file, 'utf8').split(' ');
    return Number(pid) > 0 ? { pid: Number(pid), born } : undefined;
  } catch {
    return undefined; // released between our two looks
  }
}
