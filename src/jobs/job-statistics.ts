import { Injectable } from '@nestjs/common';
import { Database, rowsOf, type Transaction } from '../platform/database/index.js';
import { type Principal, unprocessable } from '../platform/http/index.js';
import { BoundValues, runningRuns, conditionsOf } from './job-conditions.js';
import { withinReachOf } from './job-scope.js';
import type {
  JobCountsDto,
  JobFiguresDto,
  JobStatisticsDto,
  JobStatisticsQueryDto,
  PercentilesDto,
} from './job-statistics.dto.js';

const day = 86_400_000;
/** Rows read at most: some 200 ms. */
const mostJobs = 100_000;

/**
 * Figures of a period's jobs, counted from the jobs themselves: a range of ids, bounded to the newest 100,000 of it.
 * This is their first form; rollups that the finisher feeds are to replace the scan.
 */
@Injectable()
export class JobStatistics {
  constructor(private readonly database: Database) {}

  /** @throws Problem 422 for a period that ends before it begins. */
  of(principal: Principal, query: JobStatisticsQueryDto): Promise<JobStatisticsDto> {
    return withinReachOf(principal, this.database, async (tx, organizationId) => {
      const to = query.to ?? (await databaseNow(tx));
      const from = query.from ?? new Date(to.getTime() - day);
      if (from >= to) {
        const message = `must be before the end of the period, ${to.toISOString()}`;
        throw unprocessable([{ pointer: 'query/from', message }]);
      }
      const rows = await figuresOf(tx, { organizationId, from, to, jobType: query.jobType });
      const all = rows.find((row) => row.jobType === null)!;
      const types = rows.flatMap((row) => (row.jobType === null ? [] : [{ jobType: row.jobType, ...figures(row) }]));
      const byType = types.sort((a, b) => b.total - a.total);
      return { from, to, truncated: all.total >= mostJobs, ...figures(all), byType };
    });
  }
}

interface FiguresRow extends JobCountsDto {
  /** null: of all types together. */
  jobType: string | null;
  total: number;
  wait: number[] | null;
  run: number[] | null;
}

/** One pass over the sample gives the figures of each type and of all. */
function figuresOf(
  tx: Transaction,
  period: { organizationId?: string; from: Date; to: Date; jobType?: string },
): Promise<FiguresRow[]> {
  const values = new BoundValues();
  const conditions = conditionsOf(period, values).join(' and ');
  const count = (status: string) => `count(*) filter (where status = '${status}')::int as ${status}`;
  const milliseconds = (interval: string) => `round(extract(epoch from ${interval}) * 1000)::float8`;
  const percentiles = (column: string) =>
    `percentile_disc(array[0.5, 0.95, 0.99]) within group (order by ${column}) filter (where ${column} is not null)`;
  return rowsOf<FiguresRow>(
    tx,
    `with sample as materialized (
       select j.job_type,
         case when j.status <> 'queued' then j.status when (j.id, j.run) in (${runningRuns}) then 'processing' else 'queued' end as status,
         case when j.retry_count = 0 then ${milliseconds('j.started_at - greatest(j.created_at, j.run_at)')} end as wait,
         case when j.status in ('completed', 'failed') then ${milliseconds('j.completed_at - j.started_at')} end as run
       from background_jobs j where ${conditions} order by j.id desc limit ${mostJobs})
     select job_type as "jobType", count(*)::int as total,
       ${['queued', 'processing', 'completed', 'failed', 'cancelled'].map(count).join(', ')},
       ${percentiles('wait')} as wait, ${percentiles('run')} as run
     from sample group by grouping sets ((), (job_type))`,
    values.list,
  );
}

function figures({ total, wait, run, queued, processing, completed, failed, cancelled }: FiguresRow): JobFiguresDto {
  const ended = completed + failed;
  return {
    total,
    counts: { queued, processing, completed, failed, cancelled },
    successRate: ended === 0 ? null : completed / ended,
    waitMilliseconds: percentilesOf(wait),
    runMilliseconds: percentilesOf(run),
  };
}

const percentilesOf = (values: number[] | null): PercentilesDto | null =>
  values && { p50: values[0]!, p95: values[1]!, p99: values[2]! };

async function databaseNow(tx: Transaction): Promise<Date> {
  const [row] = await rowsOf<{ now: Date }>(tx, `select carillon_now() as now`);
  return row!.now;
}
