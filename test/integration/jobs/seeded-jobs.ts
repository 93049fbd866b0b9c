/** Jobs written straight into the tables, for tests of what is read: any state, any age. For applications without a worker, which would take the queued ones up. */
import { v7 as uuidv7 } from 'uuid';
import type { TestApp } from '../../support/test-app.js';

export interface SeededJob {
  organizationId?: string;
  jobType?: string;
  queue?: string;
  /** `processing` stands in a claim of a worker that does nothing. */
  status?: 'queued' | 'processing' | 'completed' | 'failed' | 'cancelled';
  priority?: number;
  payload?: object;
  tags?: string[];
  errorCode?: string;
  errorMessage?: string;
  subject?: { type: string; id: string };
  createdBy?: string;
  retryCount?: number;
  /** How long ago, in milliseconds; completed `runMs` after its start, which was `waitMs` after its creation. */
  age?: number;
  waitMs?: number;
  runMs?: number;
}

let last = 0;

/** Answers the job's id; each is newer than the one before, of the same age. */
export async function seedJob(app: TestApp, job: SeededJob = {}): Promise<string> {
  const createdAt = Math.max(Date.now() - (job.age ?? 0), job.age ? 0 : last + 1);
  if (!job.age) last = createdAt;
  const id = uuidv7({ msecs: createdAt });
  const status = job.status ?? 'completed';
  const ended = status !== 'queued' && status !== 'processing';
  const startedAt = new Date(createdAt + (job.waitMs ?? 1_000));
  const completedAt = new Date(startedAt.getTime() + (job.runMs ?? 1_000));
  const organizationId = job.organizationId ?? app.organizations.A;
  await app.db.owner.query(
    `insert into background_jobs (id, organization_id, queue, job_type, status, priority, payload, tags, error_code, error_message,
       subject_type, subject_id, created_by, retry_count, run_at, created_at, updated_at, started_at, completed_at, failed_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19)`,
    [
      id,
      organizationId,
      job.queue ?? 'default',
      job.jobType ?? 'seeded',
      status === 'processing' ? 'queued' : status,
      job.priority ?? 0,
      job.payload ?? {},
      job.tags ?? [],
      job.errorCode ?? null,
      job.errorMessage ?? null,
      job.subject?.type ?? null,
      job.subject?.id ?? null,
      job.createdBy ?? null,
      job.retryCount ?? 0,
      new Date(createdAt),
      ended ? completedAt : new Date(createdAt),
      ended ? startedAt : null,
      ended ? completedAt : null,
      status === 'failed' ? completedAt : null,
    ],
  );
  if (!ended) await place(app, id, organizationId, status === 'processing');
  return id;
}

/** Where the engine would have put it: in the ready table, or in a claim. */
async function place(app: TestApp, id: string, organizationId: string, running: boolean): Promise<void> {
  const { owner } = app.db;
  await owner.query(`insert into queues (name) values ('default') on conflict do nothing`);
  if (!running) {
    await owner.query(
      `insert into job_ready (job_id, queue, org, rank, run)
         select $1, q.number, o.number, 0, 0 from queues q, organizations o where q.name = 'default' and o.id = $2`,
      [id, organizationId],
    );
    return;
  }
  await owner.query(
    `with worker as (insert into job_workers (name, lease_expires_at) values ('seeded', carillon_now() + interval '1 day') returning worker)
     insert into job_claims (worker, queue, claimed_at, jobs, orgs, runs)
       select worker, q.number, carillon_now(), array[$1::uuid], array[o.number], array[0]
         from worker, queues q, organizations o where q.name = 'default' and o.id = $2`,
    [id, organizationId],
  );
}
