/** The table, and the ratios that performance.md asks for. */
import { figures } from './measure.mjs';

const onPostgres = ['graphile-worker', 'pg-boss'];

/** Line → what Carillon's figure is divided by, and what the ratio is to reach. */
const lines = [
  ['enqueue one by one : best PostgreSQL peer', 'single', onPostgres, 10],
  ['enqueue one by one : BullMQ on Redis', 'single', ['bullmq'], 1.5],
  ['enqueue in bulk : best PostgreSQL peer', 'bulk', onPostgres, 1],
  ['drain : best PostgreSQL peer', 'drain', onPostgres, 1.6],
  ['drain : sketch', 'drain', ['sketch'], null],
];

export function printPeers({ machine, medians }, names) {
  console.log(
    `\n${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · ')}\n`,
  );
  console.log(
    `| ${''.padEnd(32)} | ${Object.values(figures)
      .map(({ name }) => name.padStart(22))
      .join(' | ')} |`,
  );
  for (const [key, row] of Object.entries(medians))
    console.log(
      `| ${names[key].padEnd(32)} | ${Object.entries(figures)
        .map(([figure, { unit }]) => cell(row[figure], unit).padStart(22))
        .join(' | ')} |`,
    );
  console.log('');
  for (const { line, ratio, goal } of ratios(medians))
    console.log(`| ${line.padEnd(44)} | ${ratio.toFixed(2).padStart(7)} × | ${verdict(ratio, goal)}`);
}

export function ratios(medians) {
  return lines.flatMap(([line, figure, keys, goal]) => {
    const others = keys.flatMap((key) => (medians[key] ? [medians[key][figure]] : []));
    return medians.carillon && others.length > 0
      ? [{ line, goal, ratio: medians.carillon[figure] / Math.max(...others) }]
      : [];
  });
}

const cell = (value, unit) =>
  value === undefined ? '' : unit === 'ms' ? `${value.toFixed(2)} ms` : `${Math.round(value).toLocaleString('en')} /s`;

const verdict = (ratio, goal) => (goal === null ? '' : `≥ ${String(goal)} ${ratio >= goal ? 'reached' : 'SHORT'}`);
