/** Every statement about queues and the organisations' shares in them. Reads see the whole installation (platform), writes are the engine's. */
import { rowsOf, type SqlExecutor, type Transaction } from '../../platform/database/index.js';
import { assignmentsOf } from '../controls/control-changes.js';
import { joinPauser, type PauseColumns, pauseColumns, setPause, setResume } from '../controls/pause.js';
import type { ChangeQueueDto, ChangeQueueShareDto, QueueDto, QueueShareDto } from './queue.dto.js';

export type QueueRow = Omit<QueueDto, 'pause'> & PauseColumns;

/**
 * All queues by name, or the one. Depths are counted (a million ready jobs: 0.1 s), the oldest is looked up: one step into the index
 * for each organisation that has any, so its cost is that of the organisations and not of the jobs.
 */
export function queuesOf(tx: Transaction, name: string | null): Promise<QueueRow[]> {
  const depth = (table: string) =>
    `select queue, count(*)::int jobs from ${table} where queue = any (array(select number from wanted)) group by queue`;
  return rowsOf<QueueRow>(
    tx,
    `with wanted as materialized (select * from queues where $1::text is null or name = $1),
     ready as (${depth('job_ready')}), later as (${depth('job_later')}), held as (${depth('job_held')}),
     running as (
       select c.queue, count(*)::int jobs from job_claims c cross join lateral unnest(c.jobs, c.runs) mine (id, run)
         join background_jobs b on b.id = mine.id and b.run = mine.run and b.status = 'queued' group by c.queue)
     select q.name, coalesce(ready.jobs, 0) ready, coalesce(later.jobs, 0) later, coalesce(held.jobs, 0) held,
       coalesce(running.jobs, 0) running, oldest.since as "oldestReadySince", q.max_running as "maxRunning",
       q.per_minute as "perMinute", ${pauseColumns('q')}
     from wanted q
     left join ready on ready.queue = q.number left join later on later.queue = q.number
     left join held on held.queue = q.number left join running on running.queue = q.number
     cross join lateral (
       with recursive head (org, job_id) as (
         (select r.org, r.job_id from job_ready r where r.queue = q.number order by r.queue, r.org, r.rank, r.job_id limit 1)
         union all
         select following.* from head, lateral (
           select r.org, r.job_id from job_ready r where r.queue = q.number and r.org > head.org
            order by r.queue, r.org, r.rank, r.job_id limit 1) following)
       select min(coalesce(b.next_retry_at, b.run_at)) since
         from head join background_jobs b on b.id = head.job_id and b.status = 'queued') oldest
     ${joinPauser('q')}
     order by q.name`,
    [name],
  );
}

export interface StoredQueue {
  number: number;
  maxRunning: number | null;
  perMinute: number | null;
  pausedAt: Date | null;
}

/** The queue, locked; undefined where there is none of that name. */
export async function lockQueue(sql: SqlExecutor, name: string): Promise<StoredQueue | undefined> {
  const text = `select number, max_running as "maxRunning", per_minute as "perMinute", paused_at as "pausedAt"
    from queues where name = $1 for update`;
  return (await sql.query<StoredQueue>(text, [name])).rows[0];
}

/** A queue is otherwise made by its first job. */
export async function addQueue(sql: SqlExecutor, name: string): Promise<void> {
  // select first: an insert that conflicts would still burn one of 32,767 numbers
  await sql.query(
    `insert into queues (name) select $1 where not exists (select from queues where name = $1) on conflict do nothing`,
    [name],
  );
}

export async function changeQueue(sql: SqlExecutor, queue: number, changes: ChangeQueueDto): Promise<boolean> {
  const given = assignmentsOf({ ...changes }, { maxRunning: 'max_running', perMinute: 'per_minute' }, 2);
  if (!given) return false;
  const assignments = given.columns.map((column, index) => `${column} = ${given.placeholders[index]}`);
  await sql.query(`update queues set ${assignments.join(', ')} where number = $1`, [queue, ...given.values]);
  return true;
}

export async function pauseQueue(sql: SqlExecutor, queue: number, by: string, reason: string): Promise<void> {
  await sql.query(`update queues set ${setPause} where number = $1`, [queue, by, reason]);
}

export async function resumeQueue(sql: SqlExecutor, queue: number): Promise<void> {
  await sql.query(`update queues set ${setResume} where number = $1`, [queue]);
}

const shares = `from queue_shares s join queues q on q.number = s.queue join organizations o on o.number = s.org where q.name = $1`;

export async function sharesOf(
  tx: Transaction,
  queue: string,
  page: { skip: number; limit: number },
): Promise<{ shares: QueueShareDto[]; total: number }> {
  const rows = await rowsOf<QueueShareDto>(
    tx,
    `select ${shareColumns} ${shares} order by lower(o.name), o.id offset $2 limit $3`,
    [queue, page.skip, page.limit],
  );
  const [count] = await rowsOf<{ total: number }>(tx, `select count(*)::int total ${shares}`, [queue]);
  return { shares: rows, total: count!.total };
}

export async function shareOf(tx: Transaction, queue: string, organizationId: string): Promise<QueueShareDto | null> {
  const [row] = await rowsOf<QueueShareDto>(tx, `select ${shareColumns} ${shares} and o.id = $2`, [
    queue,
    organizationId,
  ]);
  return row ?? null;
}

const shareColumns = `o.id as "organizationId", o.name as "organizationName", s.weight, s.max_running as "maxRunning",
  s.per_minute as "perMinute"`;

export async function organizationNumber(sql: SqlExecutor, organizationId: string): Promise<number | undefined> {
  const text = `select number from organizations where id = $1`;
  return (await sql.query<{ number: number }>(text, [organizationId])).rows[0]?.number;
}

/** Makes the share where there is none. */
export async function changeShare(
  sql: SqlExecutor,
  queue: number,
  org: number,
  changes: ChangeQueueShareDto,
): Promise<void> {
  const columns = { weight: 'weight', maxRunning: 'max_running', perMinute: 'per_minute' };
  const given = assignmentsOf({ ...changes }, columns, 3) ?? { columns: [], placeholders: [], values: [] };
  const assignments = given.columns.map((column) => `${column} = excluded.${column}`);
  await sql.query(
    `insert into queue_shares (${['queue', 'org', ...given.columns].join(', ')})
     values (${['$1', '$2', ...given.placeholders].join(', ')})
     on conflict (queue, org) do ${assignments.length > 0 ? `update set ${assignments.join(', ')}` : 'nothing'}`,
    [queue, org, ...given.values],
  );
}

/** Answers whether there was one. */
export async function deleteShare(sql: SqlExecutor, queue: number, org: number): Promise<boolean> {
  return (await sql.query(`delete from queue_shares where queue = $1 and org = $2`, [queue, org])).rowCount === 1;
}
