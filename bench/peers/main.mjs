/**
 * `npm run bench:peers [-- --json] [-- --smoke] [-- --rounds 3] [-- --only graphile-worker,sketch]`: Carillon and its peers, the same work on
 * the same machine in the same run, rounds interleaved, all on one PostgreSQL server with durable commits. Installs the peers here at first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfStale } from '../../scripts/build-if-stale.mjs';

const here = import.meta.dirname;
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
install();
buildIfStale();
const { openBenchDatabase, makeDatabase } = await import('../../dist/bench/bench-database.js');
const { machine, store } = await import('../../dist/bench/results.js');
const { median } = await import('../../dist/bench/figure.js');
const { figures, measure } = await import('./measure.mjs');
const { printPeers } = await import('./print.mjs');

const scale = values.smoke
  ? { single: 100, bulk: 1, drain: 500, latency: 5 }
  : { single: 10_000, bulk: 20, drain: 23_000, latency: 300 };
const db = await openBenchDatabase(process.env.DATABASE_URL);
const peers = [];
try {
  for (const [key, open] of await contestants())
    if (!values.only || values.only.split(',').includes(key)) peers.push([key, await open()]);
  const rounds = {};
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [key, peer] of peers) {
      console.log(`round ${round + 1}: ${peer.name} …`);
      (rounds[key] ??= []).push(await measure(peer, scale));
    }
  const medians = Object.fromEntries(
    Object.entries(rounds).map(([key, all]) => [
      key,
      Object.fromEntries(
        Object.keys(figures)
          .filter((f) => f in all[0])
          .map((f) => [f, median(all.map((round) => round[f]))]),
      ),
    ]),
  );
  const results = {
    at: new Date().toISOString(),
    command: ['npm run bench:peers --', ...process.argv.slice(2)].join(' '),
    machine: { ...machine(), ...db.description, ...versions() },
    scale,
    medians,
    rounds,
  };
  printPeers(results, Object.fromEntries(peers.map(([key, peer]) => [key, peer.name])));
  if (values.json) store('peers', results);
} finally {
  for (const [, peer] of peers) await peer.close();
  await db.close();
}
process.exit(0); // a peer that still holds on to something does not keep us

async function contestants() {
  const { openCarillon } = await import('./carillon.mjs');
  const { openSketch } = await import('./sketch.mjs');
  const { openGraphileWorker } = await import('./graphile-worker.mjs');
  const { openPgBoss } = await import('./pg-boss.mjs');
  const { openBullmq, redisVersion } = await import('./bullmq.mjs');
  const all = [
    ['carillon', () => openCarillon(db)],
    ['graphile-worker', async () => openGraphileWorker(await makeDatabase(db.url, 'graphile'))],
    ['pg-boss', async () => openPgBoss(await makeDatabase(db.url, 'pgboss'))],
    ['sketch', async () => openSketch(await makeDatabase(db.url, 'sketch'))],
  ];
  if (redisVersion()) all.push(['bullmq', openBullmq]);
  else console.log('no redis-server in PATH (Debian: apt-get install redis-server): BullMQ is left out');
  return all;
}

function versions() {
  const of = (name) => JSON.parse(readFileSync(path.join(here, 'node_modules', name, 'package.json'), 'utf8')).version;
  return Object.fromEntries(['graphile-worker', 'pg-boss', 'bullmq'].map((name) => [name, of(name)]));
}

function install() {
  if (existsSync(path.join(here, 'node_modules', 'pg-boss'))) return;
  console.log('installing the peers in bench/peers …');
  // not `ci`: the lock names platform packages of BullMQ's optional compressor that this registry does not hold
  const { status } = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund'], {
    cwd: here,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}
