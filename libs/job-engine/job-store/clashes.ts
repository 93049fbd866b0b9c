/** What becomes of a request whose idempotency key or unique key another job holds. */
import { IdempotencyClash, sqlState, UniqueKeyHeld } from '../errors.js';
import type { EnqueuedJob, Sql } from '../ports.js';
import { answerOf, type Inserted, placeOf } from './insert.js';
import { type NewJob, recordColumns } from './new-job.js';

type Insert = (jobs: readonly NewJob[]) => Promise<Map<string, Inserted>>;

/** Somebody else may have settled the same clash between any two statements; each round then finds the new holder. */
const rounds = 20;

/**
 * Each statement checks again what the one before has seen, so this holds outside a transaction too.
 * @throws IdempotencyClash, UniqueKeyHeld, and what the insert may refuse
 */
export async function resolveClash(
  sql: Sql,
  job: NewJob,
  queueNumbers: ReadonlyMap<string, number>,
  insert: Insert,
): Promise<EnqueuedJob> {
  for (let round = 0; round < rounds; round++) {
    const settled = settle(job, await holdersOf(sql, job));
    if (settled.how === 'answer') return settled.answer;
    if (settled.how === 'free') await free(sql, settled.holder);
    if (settled.how === 'replace') {
      const replaced = await replaceWaiting(sql, job, settled.holder, queueNumbers);
      if (replaced) return replaced;
      continue;
    }
    const made = (await insert([job])).get(job.id);
    if (!made) continue;
    const answer = answerOf(job, made);
    if (answer instanceof Error) throw answer;
    return answer;
  }
  throw new Error(`job ${job.id} clashed ${rounds} times with keys that changed hands meanwhile; try again`);
}

interface Holder {
  id: string;
  queue: string;
  status: string;
  run: number;
  idempotency_key: string | null;
  idempotency_hash: string | null;
  active_key: string | null;
  /** Its idempotency key is older than 24 hours. */
  expired: boolean;
  /** It has ended, and so has the window for which it keeps its unique key. */
  window_over: boolean;
  /** Claimed by a worker. */
  running: boolean;
}

type Settled = { how: 'answer'; answer: EnqueuedJob } | { how: 'free' | 'replace'; holder: Holder } | { how: 'insert' };

/** The idempotency key goes first: a repeated request gets the answer of the first one, whatever has become of the unique key. */
function settle(job: NewJob, holders: readonly Holder[]): Settled {
  const byIdempotency = holders.find((row) => job.idempotency && row.idempotency_key === job.idempotency.key);
  if (byIdempotency?.expired) return { how: 'free', holder: byIdempotency };
  if (byIdempotency) {
    if (byIdempotency.idempotency_hash !== job.idempotency!.bodyHash)
      throw new IdempotencyClash(byIdempotency.idempotency_key!, byIdempotency.id);
    return { how: 'answer', answer: reused(byIdempotency) };
  }
  const holder = holders.find((row) => job.uniqueKey !== undefined && row.active_key === job.uniqueKey);
  if (!holder) return { how: 'insert' }; // it ended between two statements
  if (holder.window_over) return { how: 'free', holder };
  const { onClash = 'existing' } = job;
  if (onClash === 'existing') return { how: 'answer', answer: reused(holder) };
  if (onClash === 'replace' && holder.status === 'queued' && !holder.running) return { how: 'replace', holder };
  throw new UniqueKeyHeld(holder.id, heldBy(job, holder));
}

const reused = ({ id, queue }: Holder): EnqueuedJob => ({ id, queue, reused: true });

function heldBy(job: NewJob, { id, status, running }: Holder): string {
  const state = status !== 'queued' ? `has ended but keeps it for a while` : running ? 'is running' : 'is waiting';
  return `the unique key "${job.uniqueKey}" of job type ${job.jobType} is held by job ${id}, which ${state}`;
}

async function holdersOf(sql: Sql, job: NewJob): Promise<Holder[]> {
  const columns = `id, queue, status, run, idempotency_key, idempotency_hash, active_key,
    created_at < carillon_now() - interval '24 hours' expired,
    status <> 'queued' and coalesce(unique_until <= carillon_now(), true) window_over,
    status = 'queued' and exists (select from running_jobs() r where r.job_id = b.id and r.run = b.run) running`;
  const { rows } = await sql.query<Holder>({
    name: 'carillon-key-holders',
    text: `select ${columns} from background_jobs b where organization_id = $1 and idempotency_key = $2
      union all
      select ${columns} from background_jobs b where organization_id = $1 and job_type = $3 and active_key = $4`,
    values: [job.organizationId, job.idempotency?.key ?? null, job.jobType, job.uniqueKey ?? null],
  });
  return rows;
}

/** Takes from a job the keys that it holds no longer by right. */
async function free(sql: Sql, holder: Holder): Promise<void> {
  await sql.query({
    name: 'carillon-free-keys',
    text: `update background_jobs b set
        idempotency_key = case when old then null else idempotency_key end,
        idempotency_hash = case when old then null else idempotency_hash end,
        active_key = case when window_over then null else active_key end
      from (select id, created_at < carillon_now() - interval '24 hours' old,
              status <> 'queued' and coalesce(unique_until <= carillon_now(), true) window_over
              from background_jobs where id = $1 for update) seen
      where b.id = seen.id and (old or window_over)`,
    values: [holder.id],
  });
}

/** Raised at the commit: a worker took the job while its replacement was under way. */
const takenMeanwhile = 'CJ002';

/** The holder takes the request over, and its run is raised: what stood for it anywhere is void. Undefined if it has moved on meanwhile. */
async function replaceWaiting(
  sql: Sql,
  job: NewJob,
  holder: Holder,
  queueNumbers: ReadonlyMap<string, number>,
): Promise<EnqueuedJob | undefined> {
  try {
    const { rows } = await sql.query<{ held: boolean }>({
      name: 'carillon-replace-waiting',
      text: replaceStatement,
      values: [`[${job.record}]`, queueNumbers.get(job.queue), holder.id, holder.run],
    });
    return (
      rows[0] && { id: holder.id, queue: job.queue, reused: true, replaced: true, ...(rows[0].held && { held: true }) }
    );
  } catch (error) {
    if (sqlState(error) === takenMeanwhile) return undefined;
    throw error;
  }
}

// unique_key stands in the list so that the trigger background_jobs_replaced_while_waiting looks at the commit whether a worker has
// taken the job meanwhile. What waits for parents or a batch goes on waiting for them. The old entry of job_ready stays behind, void:
// to delete it would make claims wait for the caller's commit. Its rank is another one, for the new entry's is moved by the run.
const replaceStatement = `
  with asked as materialized (
    select * from jsonb_to_recordset($1::jsonb) a (${recordColumns}, unique_for int)
  ), taken as (
    update background_jobs b set queue = a.queue, priority = a.priority, payload = a.payload, max_retries = a.max_retries,
      backoff = a.backoff, run_at = coalesce(a.run_at, carillon_now()), timeout_seconds = a.timeout_seconds, unique_key = a.unique_key,
      unique_until = coalesce(carillon_now() + make_interval(secs => a.unique_for), b.unique_until),
      concurrency_key = a.concurrency_key, tags = a.tags, trace_parent = a.trace_parent,
      subject_type = a.subject_type, subject_id = a.subject_id, run = b.run + 1, retry_count = 0, worker_lost_count = 0,
      next_retry_at = null, error_code = null, error_message = null, progress = 0, progress_message = null, started_at = null,
      idempotency_key = case when keyless then a.idempotency_key else b.idempotency_key end,
      idempotency_hash = case when keyless then a.idempotency_hash else b.idempotency_hash end,
      updated_at = carillon_now(), updated_by = a.created_by
    from (select asked.*, not exists (select from background_jobs other where other.organization_id = asked.organization_id
            and (other.idempotency_key = asked.idempotency_key or other.id = $3 and other.idempotency_key is not null)) keyless
            from asked) a
    where b.id = $3 and b.run = $4 and b.status = 'queued' and b.active_key = a.unique_key and b.cancel_requested_at is null
      and not exists (select from running_jobs() r where r.job_id = $3 and r.run = $4)
    returning b.id, b.organization_id, b.job_type, b.priority, b.run_at, b.run, b.concurrency_key, pg_column_size(b.payload) bytes
  ), released as (
    delete from job_held where job_id in (select id from taken) returning awaits_parents, awaits_batch
  ), unscheduled as (
    delete from job_later where job_id in (select id from taken) returning job_id
  ), placed as (
    select taken.*, $2::smallint queue, (select number from organizations o where o.id = taken.organization_id) org,
        job_rank(run_at, priority) + run rank, coalesce(awaits_parents, false) awaits_parents, awaits_batch,
        case when awaits_parents or awaits_batch is not null then 'held' else ${placeOf('taken')} end place
      from taken left join released on true left join unscheduled on true -- both have happened before anything is placed
  ), ready as (
    insert into job_ready (job_id, queue, org, rank, run, bytes) select id, queue, org, rank, run, bytes from placed where place = 'ready'
  ), later as (
    insert into job_later (job_id, due_at, queue, org, rank, run, bytes)
      select id, run_at, queue, org, rank, run, bytes from placed where place = 'later'
  ), held as (
    insert into job_held (job_id, queue, org, rank, run, bytes, job_type, concurrency_key, awaits_parents, awaits_batch)
      select id, queue, org, rank, run, bytes, job_type, concurrency_key, awaits_parents, awaits_batch from placed where place = 'held'
  )
  select place = 'held' held from placed`;
