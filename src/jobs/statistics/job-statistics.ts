import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { type Principal, unprocessable } from '../../platform/http/index.js';
import { withinReachOf } from '../job-scope.js';
import { Tally, talliedBy } from './figures.js';
import type {
  JobStatisticsDto,
  JobStatisticsPointDto,
  JobStatisticsQueryDto,
  OrganizationFiguresDto,
  QueueFiguresDto,
} from './job-statistics.dto.js';
import { ImpossiblePeriod, type Period, periodOf } from './period.js';
import {
  busiestOrganizations,
  databaseNow,
  type FiguresRow,
  numberOf,
  type PartRow,
  partsOf,
  runningByQueue,
  type Scope,
  type SeriesRow,
  seriesOf,
  shareOfType,
  waitingByQueue,
} from './statistics-queries.js';

const mostOrganizations = 20;

/** What ended within a period, from rollups that the finisher feeds, and what waits and runs now. No answer scans jobs. */
@Injectable()
export class JobStatistics {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws Problem 422 for a period that cannot be answered. */
  of(principal: Principal, query: JobStatisticsQueryDto): Promise<JobStatisticsDto> {
    return withinReachOf(principal, this.database, async (tx, own) => {
      const period = this.periodOf(query, await databaseNow(tx));
      const organizationId = query.organizationId ?? own;
      const scope: Scope = {
        org: organizationId === undefined ? 0 : await numberOf(tx, organizationId),
        ...(query.jobType !== undefined && { jobType: query.jobType }),
        ...(query.queue !== undefined && { queue: query.queue }),
      };
      return {
        ...(await answer(tx, scope, organizationId, period)),
        ...(isWhole(scope) && { byOrganization: await byOrganization(tx, period) }),
      };
    });
  }

  private periodOf(query: JobStatisticsQueryDto, now: Date): Period {
    try {
      return periodOf(query, now, this.config.jobs.keepDays.hourlyStatistics);
    } catch (error) {
      if (!(error instanceof ImpossiblePeriod)) throw error;
      throw unprocessable([{ pointer: `query/${error.field}`, message: error.message }]);
    }
  }
}

const isWhole = ({ org, jobType, queue }: Scope) => org === 0 && jobType === undefined && queue === undefined;

async function answer(
  tx: Transaction,
  scope: Scope,
  organizationId: string | undefined,
  period: Period,
): Promise<JobStatisticsDto> {
  const rows = await seriesOf(tx, scope, period);
  const parts = await partsOf(tx, scope, period);
  const now = await stateNow(tx, scope, organizationId);
  const { from, to, granularity, minutes } = period;
  const whole = tallyOf(rows).figures(minutes);
  return {
    from,
    to,
    granularity,
    ...whole,
    counts: { queued: sumOf(now.queued), processing: sumOf(now.processing), ...whole.counts },
    ...(now.estimated && { queuedIsEstimate: true }),
    byType: talliedBy(parts, (row) => row.jobType).map(([jobType, tally]) => ({ jobType, ...tally.figures(minutes) })),
    byQueue: byQueue(parts, now, minutes),
    series: pointsOf(rows, period),
  };
}

/** By the queue's name. */
interface StateNow {
  queued: Map<string, number>;
  processing: Map<string, number>;
  estimated: boolean;
}

async function stateNow(tx: Transaction, scope: Scope, organizationId: string | undefined): Promise<StateNow> {
  const waiting = await waitingByQueue(tx, scope);
  const share = scope.jobType === undefined ? undefined : await shareOfType(tx, scope);
  const ofType = (queued: number) =>
    share && share.among > 0 ? Math.round((queued * share.matching) / share.among) : share ? 0 : queued;
  const running = await runningByQueue(tx, scope, organizationId);
  return {
    queued: new Map(waiting.map(({ queue, queued }) => [queue, ofType(queued)])),
    processing: new Map(running.map(({ queue, processing }) => [queue, processing])),
    estimated: waiting.some(({ estimated }) => estimated) || share?.all === false,
  };
}

function byQueue(parts: readonly PartRow[], now: StateNow, minutes: number): QueueFiguresDto[] {
  const tallies = new Map(talliedBy(parts, (row) => row.queue));
  const busy = [...now.queued, ...now.processing].filter(([, jobs]) => jobs > 0).map(([queue]) => queue);
  return [...new Set([...tallies.keys(), ...busy])].map((queue) => ({
    queue,
    queued: now.queued.get(queue) ?? 0,
    processing: now.processing.get(queue) ?? 0,
    ...(tallies.get(queue) ?? new Tally()).figures(minutes),
  }));
}

async function byOrganization(tx: Transaction, period: Period): Promise<OrganizationFiguresDto[]> {
  const rows = await busiestOrganizations(tx, period, mostOrganizations);
  const names = new Map(rows.map(({ organizationId, name }) => [organizationId, name]));
  return talliedBy(rows, (row) => row.organizationId).map(([organizationId, tally]) => ({
    organizationId,
    name: names.get(organizationId)!,
    ...tally.figures(period.minutes),
  }));
}

/** Hours and days without ends of jobs are points, too. */
function pointsOf(rows: readonly SeriesRow[], { points }: Period): JobStatisticsPointDto[] {
  const tallies = new Map(talliedBy(rows, (row) => row.at.toISOString()));
  return points.map((at) => (tallies.get(at.toISOString()) ?? new Tally()).point(at));
}

function tallyOf(rows: readonly FiguresRow[]): Tally {
  const tally = new Tally();
  for (const row of rows) tally.add(row);
  return tally;
}

const sumOf = (jobs: Map<string, number>) => [...jobs.values()].reduce((sum, each) => sum + each, 0);
