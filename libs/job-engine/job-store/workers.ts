/** Leases: one row a worker, and what becomes of the jobs of one that fell silent. */
import type { Sql } from '../ports.js';
import { type ClaimedJob, readBackClaims, type RunningByQueue } from './claim.js';

/** `queues`: those it serves; none means all. */
export async function registerWorker(
  sql: Sql,
  name: string,
  leaseMs: number,
  queues: readonly string[] = [],
): Promise<number> {
  const { rows } = await sql.query<{ worker: number }>(
    `insert into job_workers (name, queues, lease_expires_at)
     values ($1, $3, carillon_now() + make_interval(secs => $2 / 1000.0)) returning worker`,
    [name, leaseMs, queues],
  );
  return rows[0]!.worker;
}

/** What a worker says it runs, and the newest claim that it knows of: the count of a newer one is not undone. */
export interface RunningAsOf {
  running: RunningByQueue;
  asOfClaim: string;
}

/** Answers the worker's claims; null when it no longer has its row. An expired lease that nobody has taken is good again. */
export async function renewLease(
  sql: Sql,
  worker: number,
  leaseMs: number,
  { running, asOfClaim }: RunningAsOf,
): Promise<string[] | null> {
  const { rows } = await sql.query<{ claims: string[] }>({
    name: 'carillon-renew-lease',
    text: `update job_workers set lease_expires_at = carillon_now() + make_interval(secs => $2 / 1000.0),
             running = case when running_as_of <= $4 then $3 else running end where worker = $1
           returning array(select claim_id::text from job_claims where worker = $1) claims`,
    values: [worker, leaseMs, JSON.stringify(running), asOfClaim],
  });
  return rows[0]?.claims ?? null;
}

/** Takes a worker's row away; its claims must have been emptied before. */
export async function removeWorker(sql: Sql, worker: number): Promise<void> {
  await sql.query(
    `with dropped as (delete from job_claims where worker = $1) delete from job_workers where worker = $1`,
    [worker],
  );
}

export async function expiredWorkers(sql: Sql): Promise<{ number: number; name: string }[]> {
  const { rows } = await sql.query<{ number: number; name: string }>(
    `select worker number, name from job_workers where lease_expires_at < carillon_now() order by lease_expires_at`,
  );
  return rows;
}

/**
 * Locks an expired worker for rescue, to the end of the transaction, and answers its unfinished jobs; null when it is alive again or
 * another rescuer has it. Whatever the worker sends from now on waits, and then finds its row gone.
 */
export async function takeOver(tx: Sql, worker: number): Promise<ClaimedJob[] | null> {
  const { rows } = await tx.query(
    `select worker from job_workers where worker = $1 and lease_expires_at < carillon_now() for update skip locked`,
    [worker],
  );
  if (rows.length === 0) return null;
  // and the claims: a finisher that holds one commits first
  await tx.query(`select claim_id from job_claims where worker = $1 for update`, [worker]);
  return readBackClaims(tx, worker, []);
}

/** Which of these runs are to stop: cancel asked for, or no longer the job's current run (cancelled, deleted, taken over). */
export async function runsToStop(
  sql: Sql,
  runs: readonly { id: string; run: number }[],
): Promise<{ id: string; run: number; lost: boolean; reason: string | null }[]> {
  const { rows } = await sql.query<{ id: string; run: number; lost: boolean; reason: string | null }>({
    name: 'carillon-runs-to-stop',
    text: `select mine.id, mine.run, b.id is null or b.status <> 'queued' or b.run <> mine.run lost, b.cancel_reason reason
             from unnest($1::uuid[], $2::int[]) mine (id, run) left join background_jobs b on b.id = mine.id
            where b.id is null or b.status <> 'queued' or b.run <> mine.run or b.cancel_requested_at is not null`,
    values: [runs.map((run) => run.id), runs.map((run) => run.run)],
  });
  return rows;
}
