import { addStored, bucketOf, foldStatistics, type Histogram } from '@carillon/job-engine';
import { eventually, TestEngines } from './test-engines.js';

interface Delta {
  at?: string;
  org?: number;
  queue?: number;
  type?: string;
  outcome?: string;
  wait?: number | null;
  run?: number | null;
  jobs?: number;
}

describe('the fold of statistics', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterAll(() => engines.close());
  beforeEach(() => engines.db.owner.query(`truncate job_statistics_deltas, job_statistics_hours, job_statistics_days`));

  const leave = (...deltas: Delta[]) =>
    engines.db.owner.query(
      `insert into job_statistics_deltas select * from jsonb_to_recordset($1)
         d (at timestamptz, org int, queue smallint, job_type text, outcome text, wait_bucket smallint, run_bucket smallint, jobs int)`,
      [
        JSON.stringify(
          deltas.map(({ at = '2026-03-08T09:30:00Z', wait = 10, run = 100, ...delta }) => ({
            at,
            org: delta.org ?? 1,
            queue: delta.queue ?? 1,
            job_type: delta.type ?? 'a',
            outcome: delta.outcome ?? 'completed',
            wait_bucket: wait === null ? null : bucketOf(wait),
            run_bucket: run === null ? null : bucketOf(run),
            jobs: delta.jobs ?? 1,
          })),
        ),
      ],
    );
  const row = async (table: string, org: number, queue: number, type: string) =>
    (
      await engines.rows(
        `select *, array_to_string(wait_histogram, ',') wait, array_to_string(run_histogram, ',') run from ${table}
          where org = $1 and queue = $2 and job_type = $3`,
        [org, queue, type],
      )
    )[0]!;
  const read = (stored: unknown): Histogram => {
    const histogram: Histogram = new Map();
    addStored(histogram, stored as string);
    return histogram;
  };

  it('counts each end once by queue and type, over all of its organisation, and over all organisations', async () => {
    await leave(
      { jobs: 3 },
      { jobs: 2, outcome: 'failed', run: 1_000 },
      { type: 'b', queue: 2, outcome: 'retried', wait: null },
      { org: 2, outcome: 'cancelled', wait: null, run: null },
      { org: 2, outcome: 'lost' },
    );
    expect(await foldStatistics(engines.pool, 100)).toBe(5);
    expect(await foldStatistics(engines.pool, 100)).toBe(0);
    expect(await row('job_statistics_hours', 1, 1, 'a')).toMatchObject({ completed: 3, failed: 2, retried: 0 });
    const all = await row('job_statistics_hours', 0, 0, '');
    expect(all).toMatchObject({ completed: 3, failed: 2, cancelled: 1, retried: 1, lost: 1 });
    expect(read(all.wait)).toEqual(new Map([[bucketOf(10), 6]]));
    expect(read(all.run)).toEqual(
      new Map([
        [bucketOf(100), 5],
        [bucketOf(1_000), 2],
      ]),
    );
    expect(await row('job_statistics_days', 0, 1, 'a')).toMatchObject({ completed: '3', cancelled: '1', lost: '1' });
    expect(await row('job_statistics_days', 1, 0, '')).toMatchObject({ completed: '3', failed: '2', retried: '1' });
  });

  it('adds to what was folded before, hour by hour and day by day in UTC', async () => {
    await leave({ at: '2026-03-08T23:59:59.9Z' }, { at: '2026-03-09T01:00:00+01:00', run: 1 });
    await foldStatistics(engines.pool, 1);
    await foldStatistics(engines.pool, 1);
    await leave({ at: '2026-03-08T23:00:00Z', run: 1 });
    await foldStatistics(engines.pool, 10);
    const hours = await engines.rows(
      `select to_char(hour at time zone 'UTC', 'DD HH24') as hour, completed from job_statistics_hours where org = 0 and queue = 0 order by 1`,
    );
    expect(hours).toEqual([
      { hour: '08 23', completed: 2 },
      { hour: '09 00', completed: 1 },
    ]);
    const days = await engines.rows(
      `select day::text, completed, array_to_string(run_histogram, ',') run from job_statistics_days where org = 0 and queue = 0 order by 1`,
    );
    expect(days).toMatchObject([
      { day: '2026-03-08', completed: '2' },
      { day: '2026-03-09', completed: '1' },
    ]);
    expect(read(days[0]!.run)).toEqual(
      new Map([
        [bucketOf(1), 1],
        [bucketOf(100), 1],
      ]),
    );
  });

  it('counts nothing twice and leaves nothing out when many processes fold while deltas come in', async () => {
    let left = 0;
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        leave(...Array.from({ length: 20 }, (_, n) => ({ org: 1 + (n % 3), type: `t${n % 4}`, jobs: n }))),
        ...Array.from({ length: 4 }, () => foldStatistics(engines.pool, 7)),
      ]);
      left += 190;
    }
    while ((await foldStatistics(engines.pool, 50)) > 0);
    const [total] = await engines.rows(
      `select sum(completed)::int completed, (select count(*)::int from job_statistics_deltas) waiting
         from job_statistics_hours where org = 0 and queue = 0`,
    );
    expect(total).toEqual({ completed: left, waiting: 0 });
  });

  it('is a loop of every engine', async () => {
    const { engine } = await engines.start({ handlers: {} });
    await leave({}, {});
    await eventually(
      async () => (await row('job_statistics_hours', 0, 0, ''))?.completed === 2,
      () => 'the deltas to be folded',
    );
    await engine.stop();
  });
});
