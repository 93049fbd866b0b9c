/** Which organisations have quotas, and what of theirs waits. */
import { rowsOf, type Transaction } from '../../platform/database/index.js';

export interface Quota {
  maxQueued: number | null;
  maxQueuedBytes: number | null;
}

export interface Waiting {
  jobs: number;
  bytes: number;
}

/** By the organisation's id; across all organisations. */
export async function organizationsWithQuota(tx: Transaction): Promise<ReadonlyMap<string, Quota>> {
  const rows = await rowsOf<Quota & { id: string }>(
    tx,
    `select o.id, c.max_queued as "maxQueued", c.max_queued_bytes::float8 as "maxQueuedBytes"
       from organization_controls c join organizations o on o.number = c.org
      where c.max_queued is not null or c.max_queued_bytes is not null`,
  );
  return new Map(rows.map(({ id, ...quota }) => [id, quota]));
}

/** More is not counted: where only bytes are limited, a count of the bytes of so many jobs takes about a second. */
const mostCounted = 1_000_000;

/** Jobs of the transaction's organisation that stand in line or wait for something; counted no further than the quota needs. */
export async function waitingOf(tx: Transaction, quota: Quota): Promise<Waiting> {
  const enough = Math.min(quota.maxQueued ?? mostCounted, mostCounted) + 1;
  const [waiting] = await rowsOf<Waiting>(
    tx,
    `with mine as materialized (select carillon_current_organization_number() org)
     select count(*)::int as jobs, coalesce(sum(bytes), 0)::float8 as bytes from (
       (select r.bytes from mine, queues q, lateral (select bytes from job_ready where queue = q.number and org = mine.org) r limit $1)
       union all (select bytes from job_later where org = (select org from mine) limit $1)
       union all (select bytes from job_held where org = (select org from mine) limit $1)) waiting`,
    [enough],
  );
  return waiting!;
}
