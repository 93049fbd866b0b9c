/** Jobs that fail twice and then succeed: each has exactly three attempts, and each retry starts when it is due. */
import { type Figure, percentile, until } from '../figure.js';
import type { Scenario } from '../scenario.js';
import type { Workbench } from '../workbench.js';

export const retriesScenario: Scenario = {
  name: 'retries',
  async run(bench, { smoke }) {
    const count = smoke ? 50 : 20_000;
    await recordDueTimes(bench);
    try {
      const { engine, client, start, stop } = bench.engine({
        noop: async (_, ctx) => {
          if (ctx.attempt < 3) throw new Error('not yet');
        },
      });
      await start();
      for (let left = count; left > 0; left -= 1_000) {
        const backoff = { base: 1_000, cap: 10_000 };
        const request = { ...bench.request(), backoff };
        await client.enqueue(
          bench.db.engine,
          Array.from({ length: Math.min(left, 1_000) }, () => request),
        );
        client.wake();
      }
      await until(() => engine.worker.counters.accepted >= 3 * count, `${count} jobs with three attempts each`);
      await stop();
      return await figures(bench, count);
    } finally {
      await bench.db.owner.query(`drop table due_times cascade; drop function note_due_time cascade`);
      await bench.empty();
    }
  },
};

/** The row forgets when its last retry was due; a trigger of this benchmark's own database notes it. */
async function recordDueTimes({ db }: Workbench): Promise<void> {
  await db.owner.query(`
    create table due_times (job_id uuid, attempt int, due_at timestamptz);
    grant insert on due_times to carillon_engine;
    create function note_due_time() returns trigger language plpgsql as $$
    begin
      insert into due_times values (new.id, new.attempt_count + 1, new.next_retry_at);
      return null;
    end $$;
    create trigger note_due_time after update on background_jobs for each row
      when (new.status = 'queued' and new.next_retry_at is not null) execute function note_due_time()`);
}

async function figures({ db }: Workbench, count: number): Promise<Figure[]> {
  const { rows: late } = await db.owner.query<{ ms: number }>(
    `select (extract(epoch from a.started_at - d.due_at) * 1000)::float8 ms
       from due_times d join job_attempts a on a.job_id = d.job_id and a.number = d.attempt`,
  );
  const { rows: exact } = await db.owner.query<{ jobs: number }>(
    `select count(*)::int jobs from background_jobs b
      where status = 'completed' and attempt_count = 3 and (select count(*) from job_attempts a where a.job_id = b.id) = 3`,
  );
  const lateness = late.map(({ ms }) => ms);
  return [
    {
      name: 'jobs that failed twice, with exactly three attempts',
      value: exact[0]!.jobs,
      unit: 'jobs',
      goal: { atLeast: count },
    },
    { name: 'start of a retry after it is due, p50', value: percentile(lateness, 50), unit: 'ms' },
    {
      name: 'start of a retry after it is due, p95',
      value: percentile(lateness, 95),
      unit: 'ms',
      goal: { atMost: 1_000 },
    },
    { name: 'earliest start of a retry', value: Math.min(...lateness), unit: 'ms', goal: { atLeast: 0 } },
  ];
}
