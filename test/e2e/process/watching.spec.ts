import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { killAll, removeFolders, root, startCarillon, temporaryFolder, until } from '../../support/carillon-process.js';
import { processesWith } from '../../support/process-table.js';

afterEach(killAll);
afterAll(removeFolders);

it('npm run dev starts again after a change, with the same database, and leaves nothing behind', async () => {
  const folder = temporaryFolder();
  for (const entry of [
    'src',
    'libs',
    'migrations',
    'package.json',
    'nest-cli.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ])
    cpSync(path.join(root, entry), path.join(folder, entry), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const DATA_DIR = path.join(folder, 'data');
  const dev = startCarillon([], {
    program: ['npm', 'run', 'dev', '--silent', '--prefix', folder],
    env: { DATA_DIR },
    cwd: folder,
  });
  const listening = () => dev.stdout().match(/listening on/g)?.length ?? 0;
  await dev.output(/listening on/, 100_000);

  const changed = path.join(folder, 'src/failure.ts');
  writeFileSync(changed, `${readFileSync(changed, 'utf8')}\nexport const changed = true;\n`);
  await until('it listens again', () => listening() === 2, 60_000);
  expect(dev.stdout().match(/migration\(s\)/g)).toHaveLength(1);

  dev.kill('SIGTERM');
  await dev.ended;
  const data = path.join(DATA_DIR, 'postgres/data');
  await until('application and server have ended', () => processesWith(data).length === 0, 20_000);
}, 180_000);
