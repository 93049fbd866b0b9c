/** Lists, statistics, export and pruning with a million ended jobs: over HTTP, one request after the other. */
import type { JobContext } from '@carillon/job-engine';
import { PruneJobs } from '../../src/jobs/built-in/prune/prune-jobs.js';
import { type Figure, percentile, timed } from '../figure.js';
import { serve, type ServedHistory } from '../history/http.js';
import { type History, seedHistory } from '../history/seed.js';
import type { Scenario } from '../scenario.js';

export const historyScenario: Scenario = {
  name: 'history',
  async run(bench, { smoke }) {
    const scale = smoke ? { jobs: 3_000, requests: 3 } : { jobs: 1_000_000, requests: 60 };
    const history = await seedHistory(bench.db.owner, bench.db.engine, scale.jobs);
    const served = await serve(bench.db.url, { JOBS_KEEP_COMPLETED_DAYS: '20' });
    try {
      const figures: Figure[] = [];
      for (const [name, route, organizationId] of requestsOf(history)) {
        const headers: Record<string, string> =
          organizationId === undefined ? {} : { 'x-organization-id': organizationId };
        figures.push(...(await timesOf(name, scale.requests, () => served.get(route, headers))));
      }
      figures.push(await exported(served, scale.jobs), ...(await pruned(served)));
      return figures;
    } finally {
      await served.close();
      await bench.empty();
      await bench.db.owner.query(`truncate job_statistics_hours, job_statistics_days`);
      await bench.db.owner.query(`delete from organizations where slug like 'organisation-%'`);
    }
  },
};

const filters = [
  '',
  'status=completed',
  'status=failed',
  'status=cancelled',
  'status=failed,cancelled',
  'status=queued',
  'status=processing',
  'jobType=type.1',
  'jobType=report.rare',
  'queue=mail',
  'priority=5',
  'errorCode=timeout',
  'errorCode=rare_code',
  'tag=nightly',
  'tag=rare',
  'q=reason%2013',
  'q=nowhere',
  'payload=%7B%22n%22%3A5%7D',
  'sort=createdAt',
  'status=failed&jobType=type.3',
  'jobType=type.2&q=nowhere',
  'createdBy=PERSON',
  'from=DAYS10&to=DAYS9',
];

/** Name, route, and the organisation that is asked for; none: all of them. */
function* requestsOf({ largest, usual, person }: History): Generator<[string, string, string | undefined]> {
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
  const reaches: [string, string | undefined][] = [
    ['all', undefined],
    ['largest', largest],
    ['usual', usual],
  ];
  for (const filter of filters)
    for (const [reach, organizationId] of reaches) {
      const query = filter.replace('PERSON', person).replace('DAYS10', ago(10)).replace('DAYS9', ago(9));
      yield [
        `list ${filter || 'without filters'}, ${reach}`,
        `/api/system/background-jobs?limit=50&${query}`,
        organizationId,
      ];
    }
  for (const [name, query] of [
    ['a day', ''],
    ['30 days', `from=${ago(30)}`],
    ['a week by the hour', `from=${ago(6.9)}&granularity=hour`],
    ['30 days of a type', `from=${ago(30)}&jobType=type.3`],
  ])
    for (const [reach, organizationId] of reaches)
      yield [`statistics of ${name}, ${reach}`, `/api/system/background-jobs/statistics?${query}`, organizationId];
}

async function timesOf(name: string, requests: number, ask: () => Promise<unknown>): Promise<Figure[]> {
  const took: number[] = [];
  for (let i = -3; i < requests; i++) {
    const ms = (await timed(ask)) * 1_000;
    if (i >= 0) took.push(ms); // the first few warm caches
  }
  return [
    { name: `${name}, p50`, value: percentile(took, 50), unit: 'ms' },
    { name: `${name}, p95`, value: percentile(took, 95), unit: 'ms', goal: { atMost: 30 } },
  ];
}

async function exported(served: ServedHistory, jobs: number): Promise<Figure> {
  const seconds = await timed(() => served.get('/api/system/background-jobs/export.csv'));
  return { name: 'CSV export of all', value: jobs / seconds, unit: 'jobs/s' };
}

async function pruned({ app }: ServedHistory): Promise<Figure[]> {
  const context = { signal: new AbortController().signal, progress: async () => undefined, log: () => undefined };
  const prune = app.get(PruneJobs, { strict: false });
  const began = performance.now();
  const { completed, longestTransactionMs } = await prune.run({}, context as unknown as JobContext);
  const seconds = (performance.now() - began) / 1_000;
  return [
    { name: 'prune', value: completed / seconds, unit: 'jobs/s' },
    { name: 'the longest transaction of prune', value: longestTransactionMs, unit: 'ms', goal: { atMost: 100 } },
  ];
}
