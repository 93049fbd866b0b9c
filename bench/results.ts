/** The table on the screen and the file in bench/results. */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Figure, median, reaches, type Unit } from './figure.js';

export interface Results {
  at: string;
  command: string;
  machine: Record<string, string | number>;
  /** Scenario → the rounds' figures. */
  rounds: Record<string, Figure[][]>;
}

export const machine = (): Record<string, string | number> => ({
  cpus: os.cpus().length,
  model: os.cpus()[0]?.model ?? 'unknown',
  memory_gb: Math.round(os.totalmem() / 2 ** 30),
  node: process.version,
});

/** The median of the rounds, beside its goal. */
export function print({ machine: about, rounds }: Results): void {
  console.log(
    `\n${Object.entries(about)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · ')}\n`,
  );
  for (const [scenario, all] of Object.entries(rounds)) {
    console.log(`${scenario}\n`);
    for (const figure of medians(all)) console.log(row(figure));
    console.log('');
  }
}

export const medians = (rounds: readonly Figure[][]): Figure[] =>
  rounds[0]!.map((figure, i) => ({ ...figure, value: median(rounds.map((round) => round[i]!.value)) }));

function row(figure: Figure): string {
  const { name, value, unit, goal } = figure;
  const wanted = goal && ('atLeast' in goal ? `≥ ${format(goal.atLeast, unit)}` : `≤ ${format(goal.atMost, unit)}`);
  const verdict = wanted ? `${wanted.padStart(9)} ${reaches(figure) ? 'reached' : 'SHORT'}` : '';
  return `| ${name.padEnd(74)} | ${format(value, unit).padStart(9)} ${unit.padEnd(10)} | ${verdict.padEnd(17)} |`;
}

export function format(value: number, unit: Unit): string {
  return unit === 'ms' || unit === '×' || unit === 'µs' ? value.toFixed(2) : Math.round(value).toLocaleString('en');
}

/** @param name what comes before the date */
export function store(name: string, results: { at: string }): void {
  const file = path.join('bench', 'results', `${name}-${results.at.slice(0, 19).replaceAll(':', '-')}Z.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`wrote ${file}`);
}
