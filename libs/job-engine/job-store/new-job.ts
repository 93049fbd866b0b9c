/** A request as the inserting statements read it. */
import { v7 as uuidv7 } from 'uuid';
import type { EnqueueRequest } from '../ports.js';

/** A request with its id and its queue, written out as the statement's JSON. */
export interface NewJob extends EnqueueRequest {
  id: string;
  queue: string;
  record: string;
  /** It has parents, a batch or a window: what only the longer statement knows. */
  linked: boolean;
}

/** What the engine itself adds to a request. */
interface Placement {
  queue: string;
  /** The batch whose end this job waits for. */
  awaitsBatch?: string;
}

/**
 * Gives a request its id and writes it out, here and not in the statement: what cannot be JSON fails its own caller only.
 * @throws TypeError for a payload that is no JSON, RangeError for an invalid date or a clash policy that cannot be kept
 */
export function newJob(request: EnqueueRequest & Placement): NewJob {
  if (request.onClash === 'replace' && (request.after?.length || request.batchId))
    throw new RangeError('onClash "replace" takes no `after` and no `batchId`: the job that is replaced keeps its own');
  const id = uuidv7();
  const linked = Boolean(
    request.after?.length || request.batchId || request.awaitsBatch || request.uniqueForSeconds !== undefined,
  );
  return { ...request, id, linked, record: JSON.stringify(recordOf(id, request)) };
}

const recordOf = (id: string, job: EnqueueRequest & Placement) => ({
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
  unique_for: job.uniqueForSeconds,
  concurrency_key: job.concurrencyKey,
  tags: job.tags ?? [],
  trace_parent: job.traceParent,
  subject_type: job.subject?.type,
  subject_id: job.subject?.id,
  idempotency_key: job.idempotency?.key,
  idempotency_hash: job.idempotency?.bodyHash,
  created_by: job.createdBy,
  after: job.after?.length ? job.after : undefined,
  batch_id: job.batchId,
  awaits_batch: job.awaitsBatch,
});

/** The fields of a record that every statement reads. */
export const recordColumns = `id uuid, organization_id uuid, queue text, job_type text, priority smallint, payload jsonb, max_retries int,
  backoff jsonb, run_at timestamptz, timeout_seconds int, unique_key text, concurrency_key text, tags text[], trace_parent text,
  subject_type text, subject_id text, idempotency_key text, idempotency_hash text, created_by uuid`;
