/** Every statement of bulk actions but the changes themselves, which are the engine's own. */
import { rowsOf, type SqlExecutor, type Transaction } from '../../platform/database/index.js';
import { clockTolerance, firstIdAt } from '../id-range.js';
import { BoundValues, conditionsOf } from '../job-conditions.js';
import type { JobFilter } from '../job-list-query.dto.js';
import type { BulkAction } from './bulk-action.dto.js';
import type { BulkCounts } from './bulk-selection.js';

export interface Selection {
  action: BulkAction;
  /** With its statuses. */
  filter: JobFilter;
  createdBefore: Date;
  /** The job that does it, which is never among those it is done to; null before there is one. */
  except: string | null;
}

/**
 * What was there when the action was asked for: neither jobs that came later nor, of ended ones, those that ended later; so a job that
 * this action has put back and that has failed again is not put back twice.
 */
function conditionsOfSelection({ action, filter, createdBefore, except }: Selection, values: BoundValues): string[] {
  const to = filter.to && filter.to < createdBefore ? filter.to : createdBefore;
  const before = values.bind(createdBefore);
  return [
    ...conditionsOf({ ...filter, to }, values),
    except !== null && `j.id <> ${values.bind(except)}`,
    action === 'cancel' ? `j.cancel_requested_at is null` : `j.completed_at < ${before}`,
    `j.created_at < ${before}`,
  ].filter((condition) => typeof condition === 'string');
}

/** The newest ids, and how many there are: 10,001 stands for that or more. Unlike a list it looks at all, for it is to be relied upon. */
export async function previewOf(
  tx: Transaction,
  selection: Selection,
  sample: number,
): Promise<{ ids: string[]; counted: number }> {
  const values = new BoundValues();
  const [row] = await rowsOf<{ ids: string[]; counted: number }>(
    tx,
    `with found as materialized (
       select j.id from background_jobs j where ${conditionsOfSelection(selection, values).join(' and ')} order by j.id desc limit 10001)
     select array(select id from found order by id desc limit ${values.bind(sample)}) ids, (select count(*)::int from found) counted`,
    values.list,
  );
  return row!;
}

export async function countSelected(tx: Transaction, selection: Selection): Promise<number> {
  const values = new BoundValues();
  const conditions = conditionsOfSelection(selection, values).join(' and ');
  const text = `select count(*)::int jobs from background_jobs j where ${conditions}`;
  return (await rowsOf<{ jobs: number }>(tx, text, values.list))[0]!.jobs;
}

/** The next ids in their order; the organisation is named so that the planner walks its index. */
export async function nextSelected(
  tx: Transaction,
  selection: Selection,
  organizationId: string,
  after: string | null,
  limit: number,
): Promise<string[]> {
  const values = new BoundValues();
  const conditions = [
    ...conditionsOfSelection({ ...selection, filter: { ...selection.filter, organizationId } }, values),
    ...(after === null ? [] : [`j.id > ${values.bind(after)}`]),
  ];
  const text = `select j.id from background_jobs j where ${conditions.join(' and ')} order by j.id limit ${values.bind(limit)}`;
  return (await rowsOf<{ id: string }>(tx, text, values.list)).map((row) => row.id);
}

/**
 * Deletes ended jobs that no other job waits for. Answers for each what became of it; `busy` where somebody else holds it and it does
 * not wait, as nobody should who holds others. As carillon_engine, hence the organisation stands in the statement itself.
 */
export async function deleteEnded(
  sql: SqlExecutor,
  organizationId: string,
  ids: readonly string[],
  ifHeld: 'wait' | 'skip',
): Promise<Map<string, string>> {
  const locked = await sql.query<{ id: string }>(
    `select id from background_jobs where id = any ($1::uuid[]) order by id for update ${ifHeld === 'skip' ? 'skip locked' : ''}`,
    [ids],
  );
  // a statement of its own, so that it sees what whoever held the lock has committed
  const { rows } = await sql.query<{ id: string; outcome: string }>(
    `with asked as (
       select b.id, case when b.status = 'queued' then 'not_ended'
           when exists (select from job_dependencies d where d.parent_id = b.id) then 'waited_for' else 'changed' end outcome
         from background_jobs b where b.id = any ($1::uuid[]) and b.organization_id = $2),
     gone as (delete from background_jobs b using asked where b.id = asked.id and asked.outcome = 'changed')
     select id, outcome from asked`,
    [locked.rows.map(({ id }) => id), organizationId],
  );
  const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
  const otherwise = ifHeld === 'skip' ? 'busy' : 'gone';
  return new Map(ids.map((id) => [id, outcomes.get(id) ?? otherwise]));
}

/** The action of the audit record that each batch leaves. */
export const auditedAs = (action: BulkAction) => `jobs.bulk-${action}`;

export interface JournalEntry extends BulkCounts {
  /** All of the organisation up to this id is done; null where the entry is of single jobs before that. */
  upTo: string | null;
}

/** What the job has done in the organisation so far, from the audit log: it stands there if and only if it was done. */
export async function journalOf(
  tx: Transaction,
  { action, except: jobId, createdBefore }: Selection,
  organizationId: string,
): Promise<JournalEntry[]> {
  const rows = await rowsOf<{ details: JournalEntry }>(
    tx,
    `select details from audit_log where organization_id = $1 and id > $2 and target_type = 'job' and target_id = $3
        and action = $4 order by id`,
    [organizationId, firstIdAt(createdBefore.getTime() - clockTolerance), jobId, auditedAs(action)],
  );
  return rows.map((row) => row.details);
}

/** All of them, or the one if it exists. */
export async function organizationsToVisit(tx: Transaction, organizationId: string | undefined): Promise<string[]> {
  const text = `select id from organizations where $1::uuid is null or id = $1 order by number`;
  return (await rowsOf<{ id: string }>(tx, text, [organizationId ?? null])).map((row) => row.id);
}

export async function isSystemAdmin(tx: Transaction, userId: string): Promise<boolean> {
  const text = `select from users where id = $1 and is_system_admin and disabled_at is null`;
  return (await rowsOf(tx, text, [userId])).length > 0;
}

export async function databaseNow(tx: Transaction): Promise<Date> {
  return (await rowsOf<{ now: Date }>(tx, `select carillon_now() now`))[0]!.now;
}
