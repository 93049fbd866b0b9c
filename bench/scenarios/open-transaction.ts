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
      ? { dead: 2_000, seconds: 1, alone: 1 }
      : long
        ? { dead: 0, seconds: 600, alone: 20 }
        : { dead: 480_000, seconds: 20, alone: 10 };
    const alone = claimTimes('beside nobody', (await steadyLoad(bench, scale.alone)).claims);
    await bench.empty();
    const reader = new pg.Client({ connectionString: bench.db.url });
    await reader.connect();
    try {
      await reader.query('begin isolation level repeatable read');
      await reader.query('select count(*) from organizations');
      if (scale.dead > 0) await leaveDeadRows(bench, scale.dead);
      const { claims, backlogs, upkeep } = await steadyLoad(bench, scale.seconds, scale.dead > 100_000);
      return [
        ...alone,
        ...claimTimes('beside an open transaction', claims, { atMost: 20 }),
        ...flatness(backlogs),
        ...upkeep,
      ];
    } finally {
      await reader.end();
      await bench.empty();
    }
  },
};

/** As jobs that came and went would have left them. */
async function leaveDeadRows(bench: Workbench, count: number): Promise<void> {
  await bench.enqueue(1); // makes the queue
  const session = await bench.db.owner.connect();
  await session.query(
    `insert into job_ready (job_id, queue, org, rank, run)
       select gen_random_uuid(), (select number from queues where name = 'default'), $1, job_rank(carillon_now() - interval '1 hour', 0::smallint) + i, 0
         from generate_series(1, $2::int) i`,
    [bench.organization.number, count],
  );
  await session.query(`delete from job_ready`);
  await session.query(`truncate background_jobs cascade`);
  // a session tells of its deeds at its leisure; the sessions of a real load have told long ago
  await session.query(`select pg_stat_force_next_flush()`);
  session.release();
}

/** @param littered whether it begins among dead rows: then nothing is counted before the upkeep has seen to them */
async function steadyLoad(bench: Workbench, seconds: number, littered = false) {
  const claims: number[] = [];
  const { engine, client, start, stop } = bench.engine(
    { noop: async () => undefined },
    { pool: timingClaims(bench.db.engine, (ms) => claims.push(ms)) },
  );
  await start();
  const count = seconds * jobsPerSecond;
  const began = performance.now();
  let settledAfter = littered ? Number.NaN : 0;
  const settled = () => {
    if (Number.isNaN(settledAfter) && engine.upkeep.counters.rewrites > 0) settledAfter = performance.now() - began;
    return performance.now() - began > Math.min(2_000, seconds * 500) && !Number.isNaN(settledAfter);
  };
  const backlogs: number[] = [];
  let enqueued = 0;
  while (enqueued < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - began) / 1_000) * jobsPerSecond));
    for (; enqueued < due; enqueued++) void client.enqueueGathered(bench.request());
    if (!settled()) claims.length = 0;
    else backlogs.push(enqueued - engine.worker.counters.accepted);
    await delay(5);
  }
  await until(() => engine.worker.counters.accepted >= count, `${count} jobs run`);
  await stop();
  const upkeep: Figure[] = [
    { name: 'tables written anew meanwhile', value: engine.upkeep.counters.rewrites, unit: 'tables' },
    ...(littered
      ? [{ name: 'until what ten minutes had left was gone', value: settledAfter, unit: 'ms' } satisfies Figure]
      : []),
  ];
  return { claims, backlogs, upkeep };
}

const claimTimes = (beside: string, claims: readonly number[], goal?: Figure['goal']): Figure[] =>
  [50, 99].map((p) => ({
    name: `claim at ${jobsPerSecond} jobs/s ${beside}, p${p}`,
    value: percentile(claims, p),
    unit: 'ms',
    ...(p === 99 && goal && { goal }),
  }));

/** Flat: in the second half no more than a tenth of a second's jobs above the first. */
function flatness(backlogs: readonly number[]): Figure[] {
  const half = Math.floor(backlogs.length / 2);
  const [first, second] = [backlogs.slice(0, half), backlogs.slice(half)].map((part) => percentile(part, 95));
  return [
    { name: 'backlog meanwhile, first half, p95', value: first!, unit: 'jobs' },
    {
      name: 'backlog meanwhile, second half, p95',
      value: second!,
      unit: 'jobs',
      goal: { atMost: first! + jobsPerSecond / 10 },
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
