/** `npm run bench [-- --json] [-- --smoke]`: the engine's figures, on a database of its own with durable commits and the full schema. */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openBenchDatabase } from './bench-database.js';
import { EngineScenarios, type Figure, fullScale } from './engine-scenarios.js';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** A few jobs of each: shows that it works, not how fast. */
    smoke: { type: 'boolean', default: false },
    /** Runs; the table shows the best of each figure, the JSON all. */
    rounds: { type: 'string', default: '1' },
  },
});

const db = await openBenchDatabase(process.env.DATABASE_URL);
try {
  const scenarios = await EngineScenarios.on(db);
  const scale = values.smoke ? { single: 64, bulk: 1, drain: 100, latency: 5 } : fullScale;
  const rounds: Figure[][] = [];
  for (let i = 0; i < Number(values.rounds); i++) rounds.push(await scenarios.run(scale));
  const machine = {
    cpus: os.cpus().length,
    model: os.cpus()[0]?.model ?? 'unknown',
    node: process.version,
    ...db.description,
  };
  print(rounds, machine);
  if (values.json) store({ at: new Date().toISOString(), scale, machine, rounds });
} finally {
  await db.close();
}

function print(rounds: Figure[][], machine: Record<string, string | number>): void {
  console.log(
    `\n${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(' · ')}\n`,
  );
  for (const [i, { name, unit }] of rounds[0]!.entries()) {
    const all = rounds.map((round) => round[i]!.value);
    const best = unit === 'ms' ? Math.min(...all) : Math.max(...all);
    console.log(`| ${name.padEnd(46)} | ${format(best, unit).padStart(8)} ${unit.padEnd(6)} |`);
  }
}

function format(value: number, unit: Figure['unit']): string {
  return unit === 'ms' ? value.toFixed(2) : Math.round(value).toLocaleString('en');
}

function store(result: { at: string } & Record<string, unknown>): void {
  const file = path.join('bench', 'results', `${result.at.replaceAll(':', '-')}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nwrote ${file}`);
}
