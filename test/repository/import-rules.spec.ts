/** The import rules hold only as long as their patterns match; here each is broken on purpose in a small copy of the house. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.join(__dirname, '../..');
const rooms = ['organizations', 'jobs', 'auth', 'notifications', 'imports'];
const libs = ['job-engine', 'nest-jobs', 'delivery-policy', 'notification-channels'];

/** File → what it imports → the rule that refuses it; none where it is allowed. */
const cases: [file: string, imports: string, rule?: string][] = [
  ['src/platform/a1.ts', '../jobs/index.js', 'platform-imports-only-lower-tiers'],
  ['src/platform/a2.ts', '../boot.js', 'platform-imports-only-lower-tiers'],
  ['src/platform/a3.ts', '@carillon/job-engine'],
  ['src/organizations/b1.ts', '../jobs/index.js', 'organizations-imports-only-lower-tiers'],
  ['src/auth/b2.ts', '../notifications/index.js', 'auth-imports-only-lower-tiers'],
  ['src/auth/b3.ts', '../organizations/index.js'],
  ['src/notifications/b4.ts', '../imports/index.js', 'notifications-imports-only-lower-tiers'],
  ['src/imports/c1.ts', '../jobs/inside.js', 'rooms-have-doors'],
  ['src/imports/c2.ts', '../jobs/index.js'],
  ['src/boot.ts', './jobs/inside.js', 'rooms-have-doors'],
  ['src/jobs/d1.ts', '../../libs/job-engine/inside.js', 'libs-have-doors'],
  ['libs/job-engine/e1.ts', '../../src/platform/index.js', 'job-engine-is-blind'],
  ['libs/job-engine/e2.ts', '@carillon/notification-channels', 'job-engine-is-blind'],
  ['libs/delivery-policy/e3.ts', '@carillon/job-engine', 'delivery-policy-is-blind'],
  ['libs/nest-jobs/e4.ts', '@carillon/job-engine'],
  ['libs/nest-jobs/e5.ts', '../job-engine/inside.js', 'nest-jobs-is-blind'],
  ['libs/job-engine/f1.ts', '@nestjs/common', 'libs-know-no-framework'],
  ['libs/job-engine/f2.ts', 'pg'],
  ['src/jobs/g1.ts', '@nestjs/typeorm', 'organisation-tables-through-the-wall'],
  ['src/jobs/g2.ts', 'fast-check', 'no-dev-dependencies-in-the-product'],
  ['src/jobs/g3.ts', '@carillon/nowhere', 'everything-resolves'],
  ['migrations/h1.ts', '../src/platform/index.js', 'migrations-stand-alone'],
  ['migrations/h2.ts', '../examples/inside.js', 'nothing-needs-the-examples'],
  ['examples/i1.ts', '../src/jobs/index.js', 'examples-use-libs-alone'],
  ['examples/i2.ts', '@carillon/nest-jobs'],
  ['examples/i3.ts', '../libs/job-engine/inside.js', 'libs-have-doors'],
  ['examples/i4.ts', '../migrations/index.js', 'examples-use-libs-alone'],
  ['examples/i5.ts', '../migrations/engine.js'],
  ['examples/i6.ts', 'fast-check', 'no-dev-dependencies-in-the-product'],
  ['src/jobs/circle.ts', './inside.js', 'no-circles'],
];

describe('the import rules', () => {
  let house: string;
  beforeAll(() => {
    house = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'carillon-rules-')));
    for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
      cpSync(path.join(root, file), path.join(house, file));
    symlinkSync(path.join(root, 'node_modules'), path.join(house, 'node_modules'));
    const write = (file: string, text: string) => {
      mkdirSync(path.join(house, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(house, file), text);
    };
    for (const folder of ['src/platform', ...rooms.map((room) => `src/${room}`), ...libs.map((lib) => `libs/${lib}`)])
      write(`${folder}/index.ts`, 'export const door = 1;\n');
    for (const folder of ['libs/job-engine', 'src/jobs'])
      write(`${folder}/inside.ts`, folder === 'src/jobs' ? `import './circle.js';\n` : 'export const inside = 1;\n');
    for (const file of ['examples/inside', 'migrations/index', 'migrations/engine'])
      write(`${file}.ts`, 'export const inside = 1;\n');
    for (const [file, from] of cases) write(file, `import * as it from '${from}';\nexport const used = it;\n`);
  });
  afterAll(() => rmSync(house, { recursive: true, force: true }));

  it('refuse exactly the imports that the architecture forbids', () => {
    const broken = cruise(house);
    const found = cases.map(([file, from]) => [
      file,
      from,
      ...broken.filter((b) => b.from === file).map((b) => b.rule),
    ]);
    expect(found).toEqual(cases);
  });
});

function cruise(folder: string): { from: string; rule: string }[] {
  const words = [
    '--config',
    '.dependency-cruiser.cjs',
    '--output-type',
    'json',
    'src',
    'libs',
    'migrations',
    'examples',
  ];
  const bin = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const output = execFileSync(process.execPath, [bin, ...words], { cwd: folder, maxBuffer: 50_000_000 }).toString();
  const { summary } = JSON.parse(output) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  return summary.violations.map(({ from, rule }) => ({ from, rule: rule.name }));
}
