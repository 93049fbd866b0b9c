/**
 * Who may import whom (docs/architecture.md): only from a strictly lower tier, never from a sibling,
 * and across rooms only through the room's door (index.ts or *.module.ts).
 */
const tiers = [
  ['platform'],
  ['organizations', 'jobs'],
  ['auth', 'scheduler', 'notifications'],
  ['imports', 'realtime'],
];
const above = (tier) => tiers.slice(tier).flat();
const tierRules = tiers.flatMap((rooms, tier) =>
  rooms.map((room) => ({
    name: `${room}-imports-only-lower-tiers`,
    severity: 'error',
    from: { path: `^src/${room}/` },
    to: {
      path: `^src/(${
        above(tier)
          .filter((r) => r !== room)
          .join('|') || '-'
      }|app\\.module|boot|main|cli|failure)[/.]`,
    },
  })),
);
const libs = ['job-engine', 'nest-jobs', 'delivery-policy', 'notification-channels', 'api-client'];
const libRules = libs.map((lib) => ({
  name: `${lib}-is-blind`,
  severity: 'error',
  from: { path: `^libs/${lib}/` },
  to: {
    path: `^(src|migrations|test|bench|examples)/|^libs/(?!${lib}/${lib === 'nest-jobs' ? '|job-engine/index\\.ts' : ''})`,
  },
}));

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'everything-resolves',
      comment: 'An import that is not found is checked against no rule; a package must stand in package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    ...tierRules,
    ...libRules,
    {
      name: 'rooms-have-doors',
      comment: 'Across features only what index.ts or *.module.ts exports.',
      severity: 'error',
      from: { path: '^src/(organizations|jobs|auth|scheduler|notifications|imports|realtime|cli/|[a-z.]+ts$)' },
      to: {
        path: '^src/(organizations|jobs|auth|scheduler|notifications|imports|realtime)/',
        pathNot: ['^src/$1/', '/index\\.ts$', '\\.module\\.ts$'],
      },
    },
    {
      name: 'libs-have-doors',
      severity: 'error',
      from: { path: '^(src|bench|examples)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/index\\.ts$' },
    },
    {
      name: 'libs-know-no-framework',
      severity: 'error',
      from: { path: '^libs/(?!nest-jobs/)' },
      to: { path: '(^|/)node_modules/(@nestjs|typeorm)/' },
    },
    {
      name: 'organisation-tables-through-the-wall',
      comment: 'Repositories are taken from the transaction of Database.withOrganization, never injected.',
      severity: 'error',
      from: { path: '^src/(?!platform/database/)' },
      to: { path: '(^|/)node_modules/@nestjs/typeorm/' },
    },
    {
      name: 'examples-use-libs-alone',
      comment: 'What an application of somebody else may use: the libs, and the list of migrations that they need.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(src|test|bench|web|migrations)/', pathNot: '^migrations/engine\\.ts$' },
    },
    {
      name: 'nothing-needs-the-examples',
      severity: 'error',
      from: { path: '^(src|libs|migrations|bench)/' },
      to: { path: '^examples/' },
    },
    { name: 'migrations-stand-alone', severity: 'error', from: { path: '^migrations/' }, to: { path: '^(src|libs)/' } },
    {
      name: 'no-dev-dependencies-in-the-product',
      severity: 'error',
      from: { path: '^(src|libs|migrations|examples)/', pathNot: '\\.spec\\.ts$' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: true, // the libs are workspaces of one lock
    // the peers are a project of their own, with its own package.json
    exclude: { path: '^(dist|bench/peers)/' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
