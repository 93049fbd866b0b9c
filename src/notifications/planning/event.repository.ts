import type { Severity } from '@carillon/delivery-policy';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { rowsOf, type Transaction } from '../../platform/database/index.js';

export interface EventRow {
  id: string;
  type: string;
  severity: Severity;
  data: Record<string, unknown>;
  subjectType: string | null;
  subjectId: string | null;
  userId: string | null;
  occurredAt: Date;
  expiresAt: Date | null;
}

const columns = `id, type, severity, data, subject_type as "subjectType", subject_id as "subjectId", user_id as "userId",
  occurred_at as "occurredAt", expires_at as "expiresAt"`;

/** What notifications read of `events`, which `platform/events` writes. */
@Injectable()
export class EventRepository {
  unplanned(tx: Transaction, ids: readonly string[]): Promise<EventRow[]> {
    return rowsOf(
      tx,
      `select ${columns} from events where id = any($1) and planned_at is null order by id for update`,
      [ids],
    );
  }

  async find(tx: Transaction, id: string): Promise<EventRow | undefined> {
    return (await rowsOf<EventRow>(tx, `select ${columns} from events where id = $1`, [id]))[0];
  }

  async markPlanned(tx: Transaction, ids: readonly string[]): Promise<void> {
    await tx.query(`update events set planned_at = carillon_now() where id = any($1)`, [ids]);
  }

  /** An event that is planned from the start: a test message's. */
  async insertPlanned(tx: Transaction, organizationId: string, type: string, userId: string | null): Promise<EventRow> {
    const [row] = await rowsOf<EventRow>(
      tx,
      `insert into events (id, organization_id, type, severity, user_id, planned_at) values ($1, $2, $3, 'info', $4, carillon_now())
       returning ${columns}`,
      [uuidv7(), organizationId, type, userId],
    );
    return row!;
  }

  async now(tx: Transaction): Promise<number> {
    const [row] = await rowsOf<{ now: Date }>(tx, `select carillon_now() as now`);
    return row!.now.getTime();
  }
}
