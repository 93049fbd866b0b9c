/** The SQL of the table `events`, and the job that tells people of what it holds. */
import type { EnqueueRequest, Sql } from '@carillon/job-engine';
import { v7 as uuidv7 } from 'uuid';
import type { EventToRaise } from './event.js';

export interface StampedEvent extends EventToRaise {
  id: string;
}

export const stamp = (event: EventToRaise): StampedEvent => ({ ...event, id: uuidv7() });

/** One plain INSERT, whatever the number: it stands in the finishing transaction of whole batches of jobs. */
export async function insertEvents(sql: Sql, events: readonly StampedEvent[]): Promise<void> {
  const column = <T>(value: (event: StampedEvent) => T) => events.map(value);
  await sql.query(
    `insert into events (id, organization_id, type, severity, data, subject_type, subject_id, user_id, dedup_key, occurred_at, expires_at)
     select id, organization_id, type, severity, data, subject_type, subject_id, user_id, dedup_key, coalesce(occurred_at, carillon_now()), expires_at
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[], $8::uuid[], $9::text[],
                 $10::timestamptz[], $11::timestamptz[])
       as e (id, organization_id, type, severity, data, subject_type, subject_id, user_id, dedup_key, occurred_at, expires_at)`,
    [
      column((e) => e.id),
      column((e) => e.organizationId),
      column((e) => e.type),
      column((e) => e.severity),
      column((e) => JSON.stringify(e.data)),
      column((e) => e.subject?.type ?? null),
      column((e) => e.subject?.id ?? null),
      column((e) => e.userId ?? null),
      column((e) => e.dedupKey ?? null),
      column((e) => e.occurredAt ?? null),
      column((e) => e.expiresAt ?? null),
    ],
  );
}

export const notificationsQueue = 'notifications';
/** A plan job decides for so many events at most; its payload stays below 20 kB. */
const eventsPerPlan = 500;

/** The internal jobs that plan the deliveries of these events: a job belongs to one organisation, so there is one for each. */
export function planJobs(events: readonly StampedEvent[]): EnqueueRequest[] {
  const byOrganization = new Map<string, string[]>();
  for (const { organizationId, id } of events) {
    const ids = byOrganization.get(organizationId);
    if (ids) ids.push(id);
    else byOrganization.set(organizationId, [id]);
  }
  return [...byOrganization].flatMap(([organizationId, ids]) =>
    chunks(ids, eventsPerPlan).map((eventIds) => ({
      organizationId,
      jobType: 'notifications.plan',
      queue: notificationsQueue,
      payload: { eventIds },
    })),
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
