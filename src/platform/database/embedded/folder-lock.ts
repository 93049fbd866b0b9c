import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MendableError } from '../../mendable-error.js';
import { isAlive, startTime } from './process-table.js';

export class FolderInUse extends MendableError {
  constructor(folder: string, pid: number) {
    super(
      `The database folder ${folder} is in use by process ${pid}. Stop it, or start this one with another DATA_DIR.`,
    );
  }
}

/**
 * One owner a folder. The lock is a folder `owner.lock` with one file in it, named after its owner: number and start time.
 *
 * Two properties of the file system leave no gap in which two could own it. A folder renamed onto another one succeeds only where that
 * one is missing or empty, so of several that try, one wins, and its file is there in the same instant. And an owner that is
 * gone is cleared away by its own name, so nobody can remove a living owner by having looked a moment too early.
 * @returns the release
 * @throws FolderInUse
 */
export function lockFolder(folder: string): () => void {
  const lock = path.join(folder, 'owner.lock');
  const mine = `${process.pid}-${startTime(process.pid)}`;
  const prepared = mkdtempSync(`${lock}.`);
  try {
    writeFileSync(path.join(prepared, mine), '');
    while (!renamedOnto(prepared, lock)) {
      for (const owner of ownersIn(lock)) {
        const [pid = '', born] = owner.split('-');
        if (isAlive(Number(pid)) && startTime(Number(pid)) === born) throw new FolderInUse(folder, Number(pid));
        rmSync(path.join(lock, owner), { force: true });
      }
    }
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true });
    throw error;
  }
  return () => rmSync(path.join(lock, mine), { force: true });
}

/** False where the target is a folder that holds something: somebody owns it. */
function renamedOnto(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

function ownersIn(lock: string): string[] {
  try {
    return readdirSync(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
