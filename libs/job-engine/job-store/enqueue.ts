/** How jobs come in: one statement for any number, all or nothing. */
import { v7 as uuidv7 } from 'uuid';
import { IdempotencyClash } from '../errors.js';
import type { EnqueuedJob, EnqueueRequest, Sql } from '../ports.js';

/** A request with its id and its queue, written out as the statement's JSON. */
export interface NewJob extends EnqueueRequest {
  id: string;
  queue: string;
  record: string;
}

/**
 * Gives a request its id and writes it out, here and not in the statement: what cannot be JSON fails its own caller only.
 * @throws TypeError for a payload that is no JSON, RangeError for an invalid date
 */
export function newJob(request: EnqueueRequest & { queue: string }): NewJob {
  const id = uuidv7();
  return { ...request, id, record: JSON.stringify(recordOf(id, request)) };
}

/**
 * Inserts jobs and, of those that are due, their entries in job_ready. Works in anybody's transaction: as carillon_app within its
 * organisation, as carillon_engine for all. A clash of an idempotency or unique key answers the job that holds it (`reused`), or, where
 * an idempotency key comes back with another body, an IdempotencyClash in the place of that one job.
 */
export async function insertJobs(
  sql: Sql,
  jobs: readonly NewJob[],
  queueNumbers: ReadonlyMap<string, number>,
): Promise<(EnqueuedJob | IdempotencyClash)[]> {
  const inserted = await insert(sql, jobs, queueNumbers);
  const answers: (EnqueuedJob | IdempotencyClash)[] = [];
  for (const job of jobs)
    answers.push(
      inserted.has(job.id)
        ? { id: job.id, queue: job.queue, reused: false }
        : await resolveClash(sql, job, queueNumbers),
    );
  return answers;
}

async function insert(
  sql: Sql,
  jobs: readonly NewJob[],
  queueNumbers: ReadonlyMap<string, number>,
): Promise<Set<string>> {
  const { rows } = await sql.query<{ id: string }>({
    name: 'carillon-insert-jobs',
    text: insertStatement,
    values: [`[${jobs.map((job) => job.record).join(',')}]`, JSON.stringify(Object.fromEntries(queueNumbers))],
  });
  return new Set(rows.map((row) => row.id));
}

const recordOf = (id: string, job: EnqueueRequest) => ({
  id,
  organization_id: job.organizationId,
  queue: job.queue,
  job_type: job.jobType,
  priority: job.priority ?? 0,
  payload: job.payload ?? {},
  max_retries: job.maxRetries ?? 3,
  backoff: job.backoff,
  run_at: job.runAt?.toISOString(),
  timeout_seconds: job.timeoutSeconds,
  unique_key: job.uniqueKey,
  concurrency_key: job.concurrencyKey,
  tags: job.tags ?? [],
  trace_parent: job.traceParent,
  subject_type: job.subject?.type,
  subject_id: job.subject?.id,
  idempotency_key: job.idempotency?.key,
  idempotency_hash: job.idempotency?.bodyHash,
  created_by: job.createdBy,
});

const insertStatement = `
  with asked as materialized (
    select * from jsonb_to_recordset($1::jsonb) a (id uuid, organization_id uuid, queue text, job_type text,
      priority smallint, payload jsonb, max_retries int, backoff jsonb, run_at timestamptz, timeout_seconds int, unique_key text,
      concurrency_key text, tags text[], trace_parent text, subject_type text, subject_id text, idempotency_key text,
      idempotency_hash text, created_by uuid)
  ), made as (
    insert into background_jobs (id, organization_id, queue, job_type, priority, payload, max_retries, backoff, run_at, timeout_seconds,
      unique_key, active_key, concurrency_key, tags, trace_parent, subject_type, subject_id, idempotency_key, idempotency_hash,
      created_by)
    select id, organization_id, queue, job_type, priority, payload, max_retries, backoff, coalesce(run_at, carillon_now()),
      timeout_seconds, unique_key, unique_key, concurrency_key, tags, trace_parent, subject_type, subject_id, idempotency_key,
      idempotency_hash, created_by
    from asked
    on conflict do nothing
    returning id, organization_id, queue, priority, run_at
  ), placed as (
    select made.id, ($2::jsonb ->> made.queue)::smallint queue,
      (select number from organizations o where o.id = made.organization_id) org, run_at, job_rank(run_at, priority) rank
    from made
  ), ready as (
    insert into job_ready (job_id, queue, org, rank, run) select id, queue, org, rank, 0 from placed where run_at <= carillon_now()
  ), later as (
    insert into job_later (job_id, due_at, queue, org, rank, run) select id, run_at, queue, org, rank, 0 from placed where run_at > carillon_now()
  )
  select id from made`;

interface Holder {
  id: string;
  queue: string;
  organization_id: string;
  job_type: string;
  idempotency_key: string | null;
  idempotency_hash: string | null;
  active_key: string | null;
  expired: boolean;
}

/** Who holds the keys on which this request clashed. */
async function resolveClash(
  sql: Sql,
  job: NewJob,
  queueNumbers: ReadonlyMap<string, number>,
): Promise<EnqueuedJob | IdempotencyClash> {
  const { rows } = await sql.query<Holder>({
    name: 'carillon-key-holders',
    text: holdersStatement,
    values: keysOf(job),
  });
  const { key, bodyHash } = job.idempotency ?? {};
  const byIdempotency = rows.find((row) => key !== undefined && row.idempotency_key === key && !row.expired);
  if (byIdempotency)
    return byIdempotency.idempotency_hash === bodyHash
      ? reusedFrom(byIdempotency)
      : new IdempotencyClash(byIdempotency.idempotency_key!, byIdempotency.id);
  const byUniqueKey = rows.find((row) => row.active_key !== null && row.active_key === job.uniqueKey);
  return byUniqueKey ? reusedFrom(byUniqueKey) : insertAfterExpiry(sql, job, queueNumbers);
}

const reusedFrom = (row: Holder): EnqueuedJob => ({ id: row.id, queue: row.queue, reused: true });

/** The key is older than 24 hours, or its holder ended between the two statements: the place is free, or is made so. */
async function insertAfterExpiry(
  sql: Sql,
  job: NewJob,
  queueNumbers: ReadonlyMap<string, number>,
): Promise<EnqueuedJob> {
  if (job.idempotency)
    await sql.query(
      `update background_jobs set idempotency_key = null, idempotency_hash = null
        where organization_id = $1 and idempotency_key = $2 and created_at < carillon_now() - interval '24 hours'`,
      [job.organizationId, job.idempotency.key],
    );
  const inserted = await insert(sql, [job], queueNumbers);
  if (!inserted.has(job.id))
    throw new Error(`job ${job.id} clashed twice with keys that changed hands meanwhile; try again`);
  return { id: job.id, queue: job.queue, reused: false };
}

const keysOf = (job: NewJob) => [job.organizationId, job.idempotency?.key ?? null, job.jobType, job.uniqueKey ?? null];

const holdersStatement = `
  select id, queue, organization_id, job_type, idempotency_key, idempotency_hash, active_key,
    created_at < carillon_now() - interval '24 hours' expired
  from background_jobs where organization_id = $1 and idempotency_key = $2
  union all
  select id, queue, organization_id, job_type, idempotency_key, idempotency_hash, active_key, false
  from background_jobs where organization_id = $1 and job_type = $3 and active_key = $4`;
