import path from 'node:path';
import { FolderInUse, lockFolder } from '../../../src/platform/database/embedded/folder-lock.js';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import {
  type CarillonProcess,
  killAll,
  removeFolders,
  root,
  startCarillon,
  temporaryFolder,
} from '../../support/carillon-process.js';

afterEach(killAll);
afterAll(removeFolders);

/** Tries to lock the folder at a given moment, says whether it did, and holds on until it is killed. */
const contender = `
  const [, module, folder, at] = process.argv;
  const { lockFolder } = await import(module);
  while (Date.now() < Number(at)); // all at the very same time
  try { lockFolder(folder); console.log('mine'); } catch (error) { console.log(error.message); }
  setInterval(() => {}, 1e6);`;

function contend(folder: string, at: number): CarillonProcess {
  const module = path.join(root, 'dist/src/platform/database/embedded/folder-lock.js');
  return startCarillon([module, folder, String(at)], {
    program: [process.execPath, '--input-type=module', '-e', contender],
  });
}

describe('the lock of a folder', () => {
  it('goes to exactly one of many that try at the same instant, round after round over the lock of the killed one', async () => {
    const folder = temporaryFolder();
    for (let round = 0; round < 6; round++) {
      const at = Date.now() + 600;
      const all = Array.from({ length: 6 }, () => contend(folder, at));
      const words = await Promise.all(all.map(async (one) => (await one.output(/mine|in use by process \d+/))[0]));
      const winner = all[words.indexOf('mine')];
      expect(words.filter((word) => word === 'mine')).toHaveLength(1);
      expect(words.filter((word) => word !== 'mine')).toEqual(
        Array.from({ length: 5 }, () => `in use by process ${winner?.pid}`),
      );
      for (const one of all) one.kill('SIGKILL');
      await Promise.all(all.map((one) => one.ended));
    }
    expect(readdirSync(folder)).toEqual(['owner.lock']);
  });

  it('is refused to a second try in the same process, and free after its release', () => {
    const folder = temporaryFolder();
    const release = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(FolderInUse);
    release();
    release();
    lockFolder(folder)();
  });

  it('is taken over from a process that has gone, also where its number belongs to somebody else now', () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'owner.lock'));
    writeFileSync(path.join(folder, 'owner.lock', `${process.pid}-1`), ''); // our number, another's birth
    lockFolder(folder)();
    expect(readdirSync(path.join(folder, 'owner.lock'))).toEqual([]);
  });
});
