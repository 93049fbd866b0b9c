/** What is written beside the code and has to agree with it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { variables } from '../../src/platform/config/variables.js';

const root = path.join(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

it('docs/dependencies.md gives the reason for every dependency, and for nothing else', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const declared = ['dependencies', 'optionalDependencies', 'devDependencies'].flatMap((kind) =>
    Object.keys(manifest[kind]!),
  );
  const explained = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` +\| \S.{3,}\|$/gm)].map(
    ([, name]) => name,
  );
  expect(new Set(explained)).toEqual(new Set(declared));
});

describe('docker-compose.yml', () => {
  const compose = read('docker-compose.yml');

  it('gives Carillon no variable that it does not know', () => {
    const environment = /environment: &environment\n((?: {4}\w+: .*\n)+)/.exec(compose)?.[1] ?? '';
    const given = [...environment.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name!);
    expect(given).toEqual(expect.arrayContaining(['NODE_ENV', 'PGPASSWORD', 'JWT_SECRET', 'SECRET_KEYS']));
    expect(given.filter((name) => !(name in variables))).toEqual([]);
  });

  it('has no default for a secret that Carillon needs, and starts nothing without it', () => {
    for (const secret of ['JWT_SECRET', 'SECRET_KEYS', 'POSTGRES_PASSWORD', 'ADMIN_PASSWORD'])
      for (const [use] of compose.matchAll(new RegExp(String.raw`\$\{${secret}[^}]*\}`, 'g')))
        expect(use).toContain(':?');
    expect(compose).toContain('NODE_ENV: production');
  });
});

it('the Dockerfile sets no variable that Carillon does not know', () => {
  const set = [...read('Dockerfile').matchAll(/^ENV (.*)$/gm)].flatMap(([, line]) =>
    line!.split(' ').map((pair) => pair.split('=')[0]!),
  );
  expect(set.length).toBeGreaterThan(0);
  expect(set.filter((name) => !(name in variables))).toEqual([]);
});
