/** `npm run bench:figures`: writes the newest results of `npm run bench` and `npm run bench:peers` into README.md and docs/benchmarks.md. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, 'bench/results');
const bench = newest('bench');
const peers = newest('peers');
if (!bench && !peers)
  throw new Error('bench/results holds no bench-*.json and no peers-*.json: run `npm run bench -- --json` first');

const names = {
  carillon: '**Carillon**',
  'graphile-worker': 'graphile-worker',
  'pg-boss': 'pg-boss',
  sketch: 'bare loop (no fairness, limits, hooks)',
  bullmq: 'BullMQ on Redis (not durable)',
};
const about = (command, machine) =>
  `\`${command}\` on ${machine.cpus} cores (${machine.model}), Node ${machine.node}, PostgreSQL ${machine.server_version}, fsync ${machine.fsync}, synchronous_commit ${machine.synchronous_commit}`;

const wanted = (goal, unit, value) => {
  const [sign, bound, reached] =
    'atLeast' in goal ? ['≥', goal.atLeast, value >= goal.atLeast] : ['≤', goal.atMost, value <= goal.atMost];
  return `${sign} ${show(bound, unit)}${reached ? '' : ' (short)'}`;
};

const show = (value, unit) =>
  `${['ms', 'µs', '×'].includes(unit) ? value.toFixed(2) : Math.round(value).toLocaleString('en')} ${unit}`;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const block = [bench && scenarios(bench), peers && contest(peers)].filter(Boolean).join('\n\n');
for (const file of ['README.md', 'docs/benchmarks.md']) {
  const full = path.join(root, file);
  const text = readFileSync(full, 'utf8');
  const marked = /(<!-- figures -->)[\s\S]*(<!-- \/figures -->)/;
  if (!marked.test(text)) throw new Error(`${file} has no <!-- figures --> … <!-- /figures -->`);
  const results = file === 'README.md' ? 'bench/results' : '../bench/results';
  writeFileSync(
    full,
    text.replace(marked, (_, from, to) => `${from}\n\n${block.replaceAll('RESULTS', results)}\n\n${to}`),
  );
}
spawnSync('npx', ['prettier', '--write', 'README.md', 'docs/benchmarks.md'], { cwd: root, stdio: 'inherit' });

function newest(kind) {
  const file = readdirSync(folder)
    .filter((name) => name.startsWith(`${kind}-`) && name.endsWith('.json'))
    .sort()
    .at(-1);
  return file && { file, ...JSON.parse(readFileSync(path.join(folder, file), 'utf8')) };
}

function scenarios({ file, command, machine, rounds }) {
  const rows = Object.entries(rounds).flatMap(([scenario, all]) => [
    `| **${scenario}** | | |`,
    ...all[0].map(({ name, unit, goal }, i) => {
      const value = median(all.map((round) => round[i].value));
      return `| ${name} | ${show(value, unit)} | ${goal ? wanted(goal, unit, value) : ''} |`;
    }),
  ]);
  return [
    `${about(command, machine)} (medians; [all rounds](RESULTS/${file})):`,
    ['| | measured | to reach |', '|---|---:|---|', ...rows].join('\n'),
  ].join('\n\n');
}

function contest({ file, command, machine, medians }) {
  const rows = Object.entries(medians).map(
    ([key, row]) =>
      `| ${names[key]} | ${['single', 'bulk', 'drain'].map((figure) => show(row[figure], 'jobs/s')).join(' | ')} | ${row.p50 === undefined ? '' : `${show(row.p50, 'ms')} / ${show(row.p99, 'ms')}`} |`,
  );
  const head = [
    '| | one by one, 16 callers | bulk of 1,000 | drain 23,000 | idle latency p50 / p99 |',
    '|---|---:|---:|---:|---:|',
  ];
  return [`${about(command, machine)} (medians; [all rounds](RESULTS/${file})):`, [...head, ...rows].join('\n')].join(
    '\n\n',
  );
}
