/** A reader's transaction stays open while jobs come and go: vacuum may remove nothing, and the claim must stay quick. */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { SqlPool } from '@carillon/job-engine';
import { type Figure, percentile, until } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';

const jobsPerSecond = 800;

export const openTransactionScenario: Scenario = {
  name: 'open-transaction',
  async run(bench, { smoke, long }) {
    // in the short form what the first ten minutes would have left behind is made beforehand
    const scale = smoke
      ? { dead: 2_000, seconds: 1 }
      : long
        ? { dead: 0, seconds: 600 }
        : { dead: 480_000, seconds: 20 };
    const reader = new pg.Client({ connectionString: bench.db.url });
    await reader.connect();
    try {
      await reader.query('begin isolation level repeatable read');
      await reader.query('select count(*) from organizations');
      if (scale.dead > 0) await leaveDeadRows(bench, scale.dead);
      return await steadyLoad(bench, scale.seconds);
    } finally {
      await reader.end();
      await bench.empty();
    }
  },
};

/** As jobs that came and went would have left them. */
async function leaveDeadRows(bench: Workbench, count: number): Promise<void> {
  const { owner } = bench.db;
  await bench.enqueue(1);
  await owner.query(
    `insert into job_ready (job_id, queue, org, rank, run)
       select gen_random_uuid(), (select number from queues where name = 'default'), $1, job_rank(carillon_now() - interval '1 hour', 0::smallint) + i, 0
         from generate_series(1, $2::int) i`,
    [bench.organization.number, count],
  );
  await owner.query(`delete from job_ready`);
  await owner.query(`truncate background_jobs cascade`);
}

async function steadyLoad(bench: Workbench, seconds: number): Promise<Figure[]> {
  const claims: number[] = [];
  const { engine, client, start, stop } = bench.engine(
    { noop: async () => undefined },
    { pool: timingClaims(bench.db.engine, (ms) => claims.push(ms)) },
  );
  await start();
  const count = seconds * jobsPerSecond;
  const warm = Math.min(2, seconds / 2) * jobsPerSecond;
  const began = performance.now();
  const backlogs: number[] = [];
  let enqueued = 0;
  while (enqueued < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - began) / 1_000) * jobsPerSecond));
    for (; enqueued < due; enqueued++) void client.enqueueGathered(bench.request());
    if (enqueued < warm)
      claims.length = 0; // the upkeep has had a moment to see what lies there
    else backlogs.push(enqueued - engine.worker.counters.accepted);
    await delay(5);
  }
  await until(() => engine.worker.counters.accepted >= count, `${count} jobs run`);
  await stop();
  const half = Math.floor(backlogs.length / 2);
  return [
    {
      name: `claim at ${jobsPerSecond} jobs/s beside an open transaction, p50`,
      value: percentile(claims, 50),
      unit: 'ms',
    },
    {
      name: `claim at ${jobsPerSecond} jobs/s beside an open transaction, p99`,
      value: percentile(claims, 99),
      unit: 'ms',
      goal: { atMost: 20 },
    },
    { name: 'backlog meanwhile, first half, p95', value: percentile(backlogs.slice(0, half), 95), unit: 'jobs' },
    // flat: no more than a tenth of a second's jobs above what it was before
    {
      name: 'backlog meanwhile, second half, p95',
      value: percentile(backlogs.slice(half), 95),
      unit: 'jobs',
      goal: { atMost: percentile(backlogs.slice(0, half), 95) + jobsPerSecond / 10 },
    },
  ];
}

/** Takes the time of each claim as the worker sees it, wide rows and way over the connection included. */
function timingClaims(pool: pg.Pool, took: (ms: number) => void): SqlPool {
  const query: SqlPool['query'] = async (text, values) => {
    const began = performance.now();
    const answer = (await pool.query(text as pg.QueryConfig, values)) as { rows: never[]; rowCount: number | null };
    if (typeof text === 'object' && text.name === 'carillon-claim-jobs') took(performance.now() - began);
    return answer;
  };
  return { query, connect: () => pool.connect() };
}
