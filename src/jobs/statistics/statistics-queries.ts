/** The statements of the statistics. All read the rolled-up tables by key, and the narrow tables of what waits and runs, bounded. */
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { BoundValues } from '../job-conditions.js';
import type { Period } from './period.js';

/** Counts and histograms as stored. */
export interface FiguresRow {
  completed: number;
  failed: number;
  cancelled: number;
  retried: number;
  lost: number;
  wait: string;
  run: string;
}

export type SeriesRow = FiguresRow & { at: Date };
export type PartRow = FiguresRow & { queue: string; jobType: string };

/** Whose figures: the organisation's small number, 0 for all together; of all types and queues, or of one. */
export interface Scope {
  org: number;
  jobType?: string;
  queue?: string;
}

const columns = `s.completed::float8, s.failed::float8, s.cancelled::float8, s.retried::float8, s.lost::float8,
  array_to_string(s.wait_histogram, ',') as wait, array_to_string(s.run_histogram, ',') as run`;

/** The organisation's own row where nothing narrows it, else its rows by queue and type. */
function narrowed({ jobType, queue }: Scope, values: BoundValues): string {
  if (jobType === undefined && queue === undefined) return `s.queue = 0 and s.job_type = ''`;
  const ofType = jobType === undefined ? `s.job_type <> ''` : `s.job_type = ${values.bind(jobType)}`;
  if (queue === undefined) return `s.queue <> 0 and ${ofType}`;
  return `${ofType} and s.queue = (select q.number from queues q where q.name = ${values.bind(queue)})`;
}

/** Several rows may be of the same instant. */
export function seriesOf(tx: Transaction, scope: Scope, { granularity, points }: Period): Promise<SeriesRow[]> {
  const values = new BoundValues();
  return rowsOf(
    tx,
    `select ${granularity === 'hour' ? 's.hour' : `s.day::timestamp at time zone 'UTC'`} as at, ${columns}
       from job_statistics_${granularity}s s
      where s.org = ${values.bind(scope.org)} and s.${granularity} = any (${boundInstants(granularity, points, values)})
        and ${narrowed(scope, values)}`,
    values.list,
  );
}

/** Several rows may be of the same queue and type. */
export function partsOf(tx: Transaction, scope: Scope, period: Period): Promise<PartRow[]> {
  const values = new BoundValues();
  const org = values.bind(scope.org);
  const isNarrow = scope.jobType !== undefined || scope.queue !== undefined;
  const where = isNarrow ? narrowed(scope, values) : 's.queue <> 0';
  const from = (unit: 'hour' | 'day', instants: Date[]) =>
    `select s.queue, s.job_type, ${columns} from job_statistics_${unit}s s
      where s.org = ${org} and s.${unit} = any (${boundInstants(unit, instants, values)}) and ${where}`;
  return rowsOf(
    tx,
    `select q.name as queue, p.job_type as "jobType", p.completed, p.failed, p.cancelled, p.retried, p.lost, p.wait, p.run
       from (${from('hour', period.hours)} union all ${from('day', period.days)}) p join queues q on q.number = p.queue`,
    values.list,
  );
}

/** The organisations in which most jobs ended; several rows may be of the same. As the platform. */
export function busiestOrganizations(
  tx: Transaction,
  { hours, days }: Period,
  limit: number,
): Promise<({ organizationId: string; name: string } & FiguresRow)[]> {
  const values = new BoundValues();
  const instants = { hour: boundInstants('hour', hours, values), day: boundInstants('day', days, values) };
  const totals = (unit: 'hour' | 'day', what: string, where: string) =>
    `select ${what} from job_statistics_${unit}s s where s.${unit} = any (${instants[unit]}) and s.queue = 0 and ${where}`;
  const ended = `s.org, s.completed::bigint + s.failed + s.cancelled as ended`;
  const ofTop = `s.org = any (array(select org from top))`;
  return rowsOf(
    tx,
    `with top as materialized (
       select org from (${totals('hour', ended, 's.org <> 0')} union all ${totals('day', ended, 's.org <> 0')}) e
        group by org order by sum(ended) desc, org limit ${values.bind(limit)})
     select o.id as "organizationId", o.name, r.completed, r.failed, r.cancelled, r.retried, r.lost, r.wait, r.run
       from (${totals('hour', `s.org, ${columns}`, ofTop)} union all ${totals('day', `s.org, ${columns}`, ofTop)}) r
       join organizations o on o.number = r.org`,
    values.list,
  );
}

/** Jobs that wait are counted up to so many in each queue and table. */
export const mostCounted = 20_000;
/** Of a type, the first so many that wait are looked at. */
const mostLookedAt = 2_000;

export interface Waiting {
  queue: string;
  queued: number;
  estimated: boolean;
}

/** Jobs that wait, by queue: ready, due later and held. An entry that its job has left behind counts until it is dropped. */
export function waitingByQueue(tx: Transaction, { org, queue }: Scope): Promise<Waiting[]> {
  const values = new BoundValues();
  const only = org === 0 ? '' : `and e.org = ${values.bind(org)}`;
  const named = queue === undefined ? '' : `where q.name = ${values.bind(queue)}`;
  const counts = ['job_ready', 'job_later', 'job_held'].map(
    (table) =>
      `(select count(*) from (select from ${table} e where e.queue = q.number ${only} limit ${mostCounted}) b)`,
  );
  return rowsOf(
    tx,
    `select q.name as queue, (ready + later + held)::int as queued, greatest(ready, later, held) >= ${mostCounted} as estimated
       from queues q, lateral (select ${counts[0]} as ready, ${counts[1]} as later, ${counts[2]} as held) c ${named}`,
    values.list,
  );
}

/** Of the first 2,000 jobs that wait, the share that is of the type; `all` says that there are no more. */
export async function shareOfType(
  tx: Transaction,
  { org, jobType, queue }: Scope,
): Promise<{ matching: number; among: number; all: boolean }> {
  const values = new BoundValues();
  const where = [
    ...(org === 0 ? [] : [`e.org = ${values.bind(org)}`]),
    ...(queue === undefined ? [] : [`e.queue = (select q.number from queues q where q.name = ${values.bind(queue)})`]),
  ].join(' and ');
  const first = ['job_ready', 'job_later', 'job_held']
    .map((table) => `(select e.job_id from ${table} e ${where && `where ${where}`} limit ${mostLookedAt + 1})`)
    .join(' union all ');
  const [row] = await rowsOf<{ matching: number; among: number }>(
    tx,
    `select count(*) filter (where b.job_type = ${values.bind(jobType)})::int as matching, count(*)::int as among
       from (${first} limit ${mostLookedAt + 1}) first join background_jobs b on b.id = first.job_id`,
    values.list,
  );
  return { ...row!, all: row!.among <= mostLookedAt };
}

/** Jobs that run; the few that stand in claims. */
export function runningByQueue(
  tx: Transaction,
  { jobType, queue }: Scope,
  organizationId: string | undefined,
): Promise<{ queue: string; processing: number }[]> {
  const values = new BoundValues();
  const where = [
    ...(organizationId === undefined ? [] : [`b.organization_id = ${values.bind(organizationId)}`]),
    ...(jobType === undefined ? [] : [`b.job_type = ${values.bind(jobType)}`]),
    ...(queue === undefined ? [] : [`b.queue = ${values.bind(queue)}`]),
  ];
  return rowsOf(
    tx,
    `select b.queue, count(*)::int as processing from running_jobs() r
       join background_jobs b on b.id = r.job_id and b.run = r.run and b.status = 'queued'
      ${where.length > 0 ? `where ${where.join(' and ')}` : ''} group by b.queue`,
    values.list,
  );
}

/** -1, which nobody has, where there is no such organisation within reach. */
export async function numberOf(tx: Transaction, organizationId: string): Promise<number> {
  const text = `select number from organizations where id = $1`;
  return (await rowsOf<{ number: number }>(tx, text, [organizationId]))[0]?.number ?? -1;
}

export async function databaseNow(tx: Transaction): Promise<Date> {
  return (await rowsOf<{ now: Date }>(tx, `select carillon_now() as now`))[0]!.now;
}

const boundInstants = (unit: 'hour' | 'day', instants: Date[], values: BoundValues): string =>
  unit === 'hour'
    ? `${values.bind(instants)}::timestamptz[]`
    : `${values.bind(instants.map((instant) => instant.toISOString().slice(0, 10)))}::date[]`;
