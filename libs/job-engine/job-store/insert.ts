/** The two statements that insert jobs: one for most, and a longer one for those with parents, batches or windows. */
import { BatchNotOpen, type RequestRefused, UnknownParent } from '../errors.js';
import type { EnqueuedJob, Sql } from '../ports.js';
import { passesGates } from './gates.js';
import { type NewJob, recordColumns } from './new-job.js';

/** `together`: one that is refused refuses all; `apart`: each has its own answer. */
export type Company = 'together' | 'apart';

/**
 * Answers by id; those that are missing clashed with a key.
 * @throws UnknownParent, BatchNotOpen where the jobs go together
 */
export async function insertOnce(
  sql: Sql,
  jobs: readonly NewJob[],
  queueNumbers: ReadonlyMap<string, number>,
  company: Company,
): Promise<Map<string, Inserted>> {
  const values = [
    `[${inKeyOrder(jobs)
      .map((job) => job.record)
      .join(',')}]`,
    JSON.stringify(Object.fromEntries(queueNumbers)),
  ];
  const { rows } = await sql.query<Inserted>(
    jobs.some((job) => job.linked)
      ? { name: 'carillon-insert-linked-jobs', text: linkedStatement, values: [...values, company === 'together'] }
      : { name: 'carillon-insert-jobs', text: plainStatement, values },
  );
  const refused = rows.find((row) => isSet(row.unknown_parent) || isSet(row.batch));
  if (refused && company === 'together') {
    const index = jobs.findIndex((job) => job.id === refused.id);
    throw Object.assign(answerOf(jobs[index]!, refused), { request: index });
  }
  return new Map(rows.map((row) => [row.id, row]));
}

const isSet = <T>(value: T | null | undefined): value is T => value !== undefined && value !== null;

/** Two statements that want the same keys take them in the same order, or each would wait for the other. */
function inKeyOrder(jobs: readonly NewJob[]): readonly NewJob[] {
  const key = (job: NewJob) => job.uniqueKey ?? job.idempotency?.key ?? '';
  if (jobs.length < 2 || !jobs.some(key)) return jobs;
  return [...jobs].sort((a, b) => (key(a) < key(b) ? -1 : Number(key(a) > key(b))));
}

/** What the statement says of a job that did not clash. */
export interface Inserted {
  id: string;
  held: boolean;
  /** Index in `after` of the first id that is no job of the organisation; only the longer statement says these two. */
  unknown_parent?: number | null;
  batch?: 'unknown' | 'finished' | null;
}

export function answerOf(job: NewJob, made: Inserted): EnqueuedJob | RequestRefused {
  if (isSet(made.unknown_parent)) return new UnknownParent(job.after![made.unknown_parent]!, made.unknown_parent);
  if (isSet(made.batch)) return new BatchNotOpen(job.batchId!, made.batch);
  return { id: job.id, queue: job.queue, reused: false, ...(made.held && { held: true }) };
}

const insertedColumns = `id, organization_id, queue, job_type, priority, payload, max_retries, backoff, run_at, timeout_seconds, unique_key,
  active_key, concurrency_key, tags, trace_parent, subject_type, subject_id, idempotency_key, idempotency_hash, created_by`;
const insertedValues = `id, organization_id, queue, job_type, priority, payload, max_retries, backoff, coalesce(run_at, carillon_now()),
  timeout_seconds, unique_key, unique_key, concurrency_key, tags, trace_parent, subject_type, subject_id, idempotency_key,
  idempotency_hash, created_by`;
const returned = `id, organization_id, queue, job_type, priority, run_at, concurrency_key, pg_column_size(payload) bytes`;

/** Where a job that waits for no other job stands: what its type or its key may withhold is held once it is due. */
export const placeOf = (job: string) => `case
  when ${job}.run_at > carillon_now() then 'later'
  when ${passesGates(job)} then 'held'
  else 'ready' end`;

const placedColumns = `($2::jsonb ->> made.queue)::smallint queue,
  (select number from organizations o where o.id = made.organization_id) org, run_at, job_rank(run_at, priority) rank, bytes, job_type,
  concurrency_key`;

const intoReadyAndLater = `
  ready as (
    insert into job_ready (job_id, queue, org, rank, run, bytes) select id, queue, org, rank, 0, bytes from placed where place = 'ready'
  ), later as (
    insert into job_later (job_id, due_at, queue, org, rank, run, bytes)
      select id, run_at, queue, org, rank, 0, bytes from placed where place = 'later'
  )`;

const plainStatement = `
  with asked as materialized (
    select * from jsonb_to_recordset($1::jsonb) a (${recordColumns})
  ), made as (
    insert into background_jobs (${insertedColumns}) select ${insertedValues} from asked on conflict do nothing returning ${returned}
  ), placed as (
    select made.id, ${placedColumns}, ${placeOf('made')} place from made
  ), ${intoReadyAndLater}, held as (
    insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key)
      select id, queue, org, rank, 0, bytes, job_type, concurrency_key from placed where place = 'held'
  )
  select id, place = 'held' held from placed`;

// Parents and batches are locked before anything is made of them: a parent cannot be deleted, nor a batch finish, until our commit.
// A job that waits for others is held whenever it is due; those who open the gates look at the parents once more, under their own lock.
const linkedStatement = `
  with asked as materialized (
    select * from jsonb_to_recordset($1::jsonb) a (${recordColumns}, unique_for int, after uuid[], batch_id uuid, awaits_batch uuid)
  ), parents as materialized (
    select asked.id child, parent.id from asked, unnest(asked.after) wanted (id), background_jobs parent
     where parent.id = wanted.id and parent.organization_id = asked.organization_id for key share of parent
  ), open_batches as materialized (
    select b.id, b.organization_id from job_batches b
     where b.id = any (array(select batch_id from asked)) and b.finished_at is null for no key update
  ), looked_up as materialized (
    select id,
      (select min(at)::int - 1 from unnest(asked.after) with ordinality wanted (id, at)
        where not exists (select from parents p where p.child = asked.id and p.id = wanted.id)) unknown_parent,
      case when batch_id is null or exists (select from open_batches b
                                             where b.id = asked.batch_id and b.organization_id = asked.organization_id) then null
           when exists (select from job_batches b where b.id = asked.batch_id and b.organization_id = asked.organization_id) then 'finished'
           else 'unknown' end batch
    from asked
  ), refused as (
    select id, unknown_parent, batch from looked_up where unknown_parent is not null or batch is not null
  ), made as (
    insert into background_jobs (${insertedColumns}, unique_until, batch_id)
      select ${insertedValues}, carillon_now() + make_interval(secs => unique_for), batch_id from asked
       where not exists (select from refused where refused.id = asked.id or $3)
      on conflict do nothing returning ${returned}, batch_id
  ), placed as (
    select made.id, ${placedColumns}, asked.after is not null awaits_parents, asked.awaits_batch,
        case when asked.after is not null or asked.awaits_batch is not null then 'held' else ${placeOf('made')} end place
      from made join (select id, after, awaits_batch from asked) asked using (id)
  ), ${intoReadyAndLater}, held as (
    insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key, awaits_parents, awaits_batch)
      select id, queue, org, rank, 0, bytes, job_type, concurrency_key, awaits_parents, awaits_batch from placed where place = 'held'
  ), edges as (
    insert into job_dependencies (job_id, parent_id, organization_id)
      select distinct made.id, parents.id, made.organization_id from made join parents on parents.child = made.id
  ), grown as (
    update job_batches b set total = total + added.jobs, pending = pending + added.jobs
      from (select batch_id, count(*)::int jobs from made where batch_id is not null group by 1) added where b.id = added.batch_id
  )
  select id, place = 'held' held, null::int unknown_parent, null::text batch from placed
  union all
  select id, false, unknown_parent, batch from refused`;
