/**
 * The facts about one job, by index at every step: what stands where is one statement, so that a job on its way is seen in one place.
 * Read as carillon_platform: limits and turns are the whole installation's. Names of those who pause are given to readers from outside
 * the pauser's organisations only if `everyName`.
 */
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import type { AwaitedBatchDto, ParentDto } from './explanation.dto.js';
import type { Turn } from './job-facts.js';

interface Pause {
  since: Date | string;
  by: string | null;
  name: string | null;
  reason: string | null;
}

export interface Standing {
  now: Date;
  org: number;
  organizationId: string;
  queue: string;
  queueNumber: number | null;
  jobType: string;
  status: 'queued' | 'completed' | 'failed' | 'cancelled';
  run: number;
  runAt: Date;
  nextRetryAt: Date | null;
  retryCount: number;
  maxRetries: number;
  attemptCount: number;
  errorCode: string | null;
  errorMessage: string | null;
  cancelReason: string | null;
  cancelRequestedAt: Date | null;
  completedAt: Date | null;
  concurrencyKey: string | null;
  rank: string;
  claimedAt: Date | null;
  worker: string | null;
  laterAt: Date | null;
  isReady: boolean;
  isHeld: boolean;
  /** Held by its parents or its batch, before any limit is asked. */
  awaitsParents: boolean;
  awaitsBatch: string | null;
  queuePause: Pause | null;
  organizationPause: Pause | null;
  typePause: Pause | null;
}

const pause = (of: string) => `case when ${of}.paused_at is not null then jsonb_build_object(
    'since', ${of}.paused_at, 'by', ${of}.paused_by, 'reason', ${of}.paused_reason, 'name', (
      select u.name from users u where u.id = ${of}.paused_by
        and ($2 or exists (select from memberships m where m.user_id = u.id and m.organization_id = b.organization_id)))) end`;

/** The job, its entry in the narrow tables, and the pauses that concern it; undefined where there is no such job. */
export async function standingOf(tx: Transaction, jobId: string, everyName: boolean): Promise<Standing | undefined> {
  const rows = await rowsOf<Standing>(
    tx,
    `select carillon_now() now, o.number org, b.organization_id as "organizationId", b.queue, q.number as "queueNumber",
       b.job_type as "jobType", b.status, b.run, b.run_at as "runAt", b.next_retry_at as "nextRetryAt", b.retry_count as "retryCount",
       b.max_retries as "maxRetries", b.attempt_count as "attemptCount", b.error_code as "errorCode",
       left(b.error_message, 500) as "errorMessage", b.cancel_reason as "cancelReason", b.cancel_requested_at as "cancelRequestedAt",
       b.completed_at as "completedAt", b.concurrency_key as "concurrencyKey",
       coalesce(ready.rank, held.rank, later.rank, job_rank(coalesce(b.next_retry_at, b.run_at), b.priority))::text rank,
       running.claimed_at as "claimedAt", running.worker, later.due_at as "laterAt", ready.rank is not null as "isReady",
       held.job_id is not null as "isHeld", coalesce(held.awaits_parents, false) as "awaitsParents", held.awaits_batch as "awaitsBatch",
       ${pause('q')} as "queuePause", ${pause('c')} as "organizationPause", ${pause('t')} as "typePause"
     from background_jobs b
     join organizations o on o.id = b.organization_id
     left join queues q on q.name = b.queue
     left join organization_controls c on c.org = o.number
     left join job_type_controls t on t.job_type = b.job_type
     left join lateral (select r.claimed_at, r.worker from running_jobs() r
       where b.status = 'queued' and r.job_id = b.id and r.run = b.run limit 1) running on true
     left join job_later later on b.status = 'queued' and later.job_id = b.id and later.run = b.run
     left join job_held held on b.status = 'queued' and held.job_id = b.id and held.run = b.run
     -- its rank tells where to look; one whose rank was made otherwise (given back by a worker) is looked for among the first
     left join lateral (
       (select r.rank from job_ready r where b.status = 'queued' and r.queue = q.number and r.org = o.number
           and r.rank = job_rank(coalesce(b.next_retry_at, b.run_at), b.priority) and r.job_id = b.id)
       union all
       (select first.rank from (select r.rank, r.job_id from job_ready r where b.status = 'queued' and later.job_id is null
             and held.job_id is null and running.worker is null and r.queue = q.number and r.org = o.number
           order by r.queue, r.org, r.rank, r.job_id limit 10000) first where first.job_id = b.id)
       limit 1) ready on true
     where b.id = $1`,
    [jobId, everyName],
  );
  return rows[0];
}

export function unfinishedParents(tx: Transaction, jobId: string): Promise<ParentDto[]> {
  return rowsOf<ParentDto>(
    tx,
    `select p.id, p.job_type as "jobType", p.status from job_dependencies d join background_jobs p on p.id = d.parent_id
      where d.job_id = $1 and p.status <> 'completed' order by p.id limit 100`,
    [jobId],
  );
}

export async function awaitedBatch(tx: Transaction, batchId: string): Promise<AwaitedBatchDto | null> {
  const text = `select id, name, total, pending from job_batches where id = $1`;
  return (await rowsOf<AwaitedBatchDto>(tx, text, [batchId]))[0] ?? null;
}

export interface LimitRow {
  scope: 'queue' | 'organization' | 'share' | 'jobType' | 'concurrencyKey';
  kind: 'runningAtOnce' | 'startsPerMinute';
  used: number;
  most: number;
}

const startedWithinMinute = (gate: string) =>
  `(select coalesce(sum(s.starts), 0)::int from job_starts s where s.gate = ${gate}
      and s.second >= extract(epoch from carillon_now())::bigint - 60)`;

/** What the claim counts: the queue's, the organisation's and its share's limits, where there are any. */
export function limitsOfClaim(tx: Transaction, queue: number, org: number): Promise<LimitRow[]> {
  return rowsOf<LimitRow>(
    tx,
    `with running as materialized (
       select q.key::int queue, o.key::int org, sum(o.value::int)::int jobs
         from job_workers w, jsonb_each(w.running) q, jsonb_each_text(q.value) o group by 1, 2)
     select 'queue' scope, 'runningAtOnce' kind, max_running most,
         (select coalesce(sum(jobs), 0)::int from running where queue = $1) used
       from queues where number = $1 and max_running is not null
     union all
     select 'queue', 'startsPerMinute', per_minute, ${startedWithinMinute(`'queue:' || $1::int`)}
       from queues where number = $1 and per_minute is not null
     union all
     select 'share', 'runningAtOnce', max_running, (select coalesce(sum(jobs), 0)::int from running where queue = $1 and org = $2)
       from queue_shares where queue = $1 and org = $2 and max_running is not null
     union all
     select 'share', 'startsPerMinute', per_minute, ${startedWithinMinute(`'share:' || $1::int || ':' || $2::int`)}
       from queue_shares where queue = $1 and org = $2 and per_minute is not null
     union all
     select 'organization', 'runningAtOnce', max_running, (select coalesce(sum(jobs), 0)::int from running where org = $2)
       from organization_controls where org = $2 and max_running is not null
     union all
     select 'organization', 'startsPerMinute', per_minute, ${startedWithinMinute(`'org:' || $2::int`)}
       from organization_controls where org = $2 and per_minute is not null`,
    [queue, org],
  );
}

/** What the gates count: slots of the type and of the key. A job that has its key's slot already does not wait for it. */
export function limitsOfGates(
  tx: Transaction,
  job: { id: string; jobType: string; org: number; concurrencyKey: string | null },
): Promise<LimitRow[]> {
  const slots = (condition: string) =>
    `(select count(*)::int from job_slots s join background_jobs b on b.id = s.job_id and b.run = s.run and b.status = 'queued'
       where ${condition} and s.job_id <> $4)`;
  return rowsOf<LimitRow>(
    tx,
    `with controls as (
       select coalesce(max_running, declared_max_running) running, coalesce(per_minute, declared_per_minute) per_minute,
         coalesce(key_max_running, declared_key_max_running) key_running, coalesce(key_per_minute, declared_key_per_minute) key_per_minute
       from job_type_controls where job_type = $1),
     keyed as (
       select coalesce((select key_running from controls), 1) running, (select key_per_minute from controls) per_minute
        where $3::text is not null and not exists (
          select from job_slots s join background_jobs b on b.id = s.job_id and b.run = s.run
           where s.job_id = $4 and s.concurrency_key is not null))
     select 'jobType' scope, 'runningAtOnce' kind, running most, ${slots('s.job_type = $1')} used
       from controls where running is not null
     union all
     select 'jobType', 'startsPerMinute', per_minute, ${startedWithinMinute(`'type:' || $1`)} from controls where per_minute is not null
     union all
     select 'concurrencyKey', 'runningAtOnce', running, ${slots('s.org = $2 and s.concurrency_key = $3')} from keyed
     union all
     select 'concurrencyKey', 'startsPerMinute', per_minute, ${startedWithinMinute(`'key:' || $2::int || ':' || $3`)}
       from keyed where per_minute is not null`,
    [job.jobType, job.org, job.concurrencyKey, job.id],
  );
}

export async function workersFor(tx: Transaction, queue: string): Promise<{ alive: number; serving: number }> {
  const [row] = await rowsOf<{ alive: number; serving: number }>(
    tx,
    `select count(*)::int alive, (count(*) filter (where queues = '{}' or $1 = any (queues)))::int serving
       from job_workers where lease_expires_at > carillon_now()`,
    [queue],
  );
  return row!;
}

/**
 * The job's place, and how fast its organisation's jobs of the queue started lately. Counted to 10,001 jobs and 1,001 organisations;
 * the starts are looked up among the 500 jobs that were made before the one that comes next. Orders and row comparisons are what keeps
 * the planner on the indexes: with a million ready jobs it takes 30 ms on a machine with six times the load it can bear, most of it for the 1,001.
 */
export async function turnOf(
  tx: Transaction,
  job: { id: string; rank: string; queueNumber: number; queue: string; org: number; organizationId: string },
): Promise<Turn> {
  const [row] = await rowsOf<Turn>(
    tx,
    `with recursive ahead as (
       select from job_ready where queue = $1 and org = $2 and (rank, job_id) < ($3::bigint, $4::uuid) order by rank, job_id limit 10001
     ), ring (org, place) as (
       (select r.org, 1 from job_ready r where r.queue = $1 order by r.queue, r.org limit 1)
       union all
       select following.org, ring.place + 1 from ring, lateral (
         select r.org from job_ready r where r.queue = $1 and r.org > ring.org order by r.queue, r.org limit 1) following
        where ring.place <= 1000
     ), next as (
       select job_id from job_ready where queue = $1 and org = $2 order by queue, org, rank, job_id limit 1
     ), started as (
       select started_at from (
         select b.organization_id, b.started_at, b.queue from background_jobs b
          where (b.organization_id, b.id) < ($5::uuid, (select job_id from next)) order by b.organization_id desc, b.id desc limit 500) before
        where organization_id = $5 and queue = $6 and started_at > carillon_now() - interval '5 minutes')
     select (select count(*)::int from ahead) ahead, (select count(*)::int from ring) organizations,
       (select count(*)::int from started) as "recentStarts",
       (select coalesce(extract(epoch from carillon_now() - min(started_at)), 0)::float8 from started) as "recentSeconds"`,
    [job.queueNumber, job.org, job.rank, job.id, job.organizationId, job.queue],
  );
  return row!;
}
