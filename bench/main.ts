/**
 * `npm run bench [-- --json] [-- --smoke] [-- --rounds 3] [-- --only engine,depth] [-- --long]`: Carillon's figures, on a database of its
 * own (DATABASE_URL names the server; without it the embedded one) with durable commits and the full schema.
 */
import { parseArgs } from 'node:util';
import { openBenchDatabase } from './bench-database.js';
import { machine, print, type Results, store } from './results.js';
import type { Scenario } from './scenario.js';
import { depthScenario } from './scenarios/depth.js';
import { engineScenario } from './scenarios/engine.js';
import { fairnessScenario } from './scenarios/fairness.js';
import { httpScenario } from './scenarios/http.js';
import { historyScenario } from './scenarios/history.js';
import { openTransactionScenario } from './scenarios/open-transaction.js';
import { progressScenario } from './scenarios/progress.js';
import { retriesScenario } from './scenarios/retries.js';
import { Workbench } from './workbench.js';

const scenarios: Scenario[] = [
  engineScenario,
  depthScenario,
  fairnessScenario,
  openTransactionScenario,
  progressScenario,
  httpScenario,
  retriesScenario,
  historyScenario,
];

const { values } = parseArgs({
  options: {
    /** Writes bench/results/<date>.json. */
    json: { type: 'boolean', default: false },
    /** A few jobs of each: shows that it works, not how fast. */
    smoke: { type: 'boolean', default: false },
    /** The table shows the median of each figure, the JSON all. */
    rounds: { type: 'string', default: '1' },
    /** Scenarios by name, by comma. */
    only: { type: 'string' },
    /** The open transaction for its whole ten minutes. */
    long: { type: 'boolean', default: false },
  },
});

const only = values.only?.split(',') ?? scenarios.map(({ name }) => name);
const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0)
  throw new Error(`no scenario "${unknown.join('", "')}"; there are ${scenarios.map(({ name }) => name).join(', ')}`);

const db = await openBenchDatabase(process.env.DATABASE_URL);
try {
  const bench = await Workbench.on(db);
  const results: Results = {
    at: new Date().toISOString(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    machine: { ...machine(), ...db.description },
    rounds: {},
  };
  for (let round = 0; round < Number(values.rounds); round++)
    for (const scenario of scenarios.filter(({ name }) => only.includes(name))) {
      console.log(`${scenario.name} …`);
      (results.rounds[scenario.name] ??= []).push(await scenario.run(bench, values));
    }
  print(results);
  if (values.json) store('bench', results);
} finally {
  await db.close();
}
