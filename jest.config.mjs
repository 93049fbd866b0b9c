// One configuration, three rings: pure specs beside the code, integration against a real PostgreSQL, end-to-end processes.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = import.meta.dirname;

/** Packages of node_modules that ship ESM only; Jest runs in CommonJS mode, so swc compiles them. */
function esmPackages(dir = path.join(root, 'node_modules'), scope = '') {
  return readdirSync(dir).flatMap((entry) => {
    if (entry.startsWith('.')) return [];
    if (entry.startsWith('@') && !scope) return esmPackages(path.join(dir, entry), `${entry}/`);
    const manifest = path.join(dir, entry, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).type === 'module' ? [scope + entry] : [];
  });
}

const escaped = esmPackages().map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));
const swc = (parser, transform) => [
  '@swc/jest',
  {
    swcrc: false,
    sourceMaps: 'inline',
    jsc: { target: 'es2022', keepClassNames: true, parser, transform },
    module: { type: 'commonjs' },
  },
];
const shared = {
  rootDir: root,
  testEnvironment: 'node',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json'],
  moduleNameMapper: { '^@carillon/([^/]+)$': '<rootDir>/libs/$1/index.ts', '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': swc(
      { syntax: 'typescript', decorators: true },
      { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    ),
    '^.+\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [`/node_modules/(?!(?:${escaped.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.data/'],
};
const database = {
  globalSetup: '<rootDir>/test/support/start-postgres.ts',
  globalTeardown: '<rootDir>/test/support/stop-postgres.ts',
};

export default {
  maxWorkers: 2,
  testTimeout: 60_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/{src,libs,migrations,test/repository}/**/*.spec.ts'] },
    { ...shared, ...database, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.spec.ts'] },
    {
      ...shared,
      ...database,
      globalSetup: '<rootDir>/test/support/build-and-start-postgres.ts',
      displayName: 'e2e',
      testMatch: ['<rootDir>/test/{e2e,chaos}/**/*.spec.ts'],
    },
  ],
};
