import type { ChannelName } from '@carillon/delivery-policy';
import type { Sql } from '@carillon/job-engine';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { Delivery } from './delivery.entity.js';
import { type DeliveryState, sourcesOf } from './delivery-state.js';

/** What the planner said of one recipient and channel. */
export interface PlannedDelivery {
  eventId: string;
  recipient: string;
  userId: string | null;
  channel: ChannelName;
  address: string | null;
  provider: string | null;
  state: DeliveryState;
  decision: string;
  reason: string | null;
  trace: string;
  holdUntil: Date | null;
  test?: boolean;
  attempts?: number;
  subject?: string;
}

export type DeliveryChanges = Partial<
  Pick<
    Delivery,
    | 'provider'
    | 'address'
    | 'decision'
    | 'reason'
    | 'trace'
    | 'holdUntil'
    | 'subject'
    | 'attempts'
    | 'error'
    | 'errorClass'
    | 'providerMessageId'
  >
>;

/** All statements on `deliveries`. */
@Injectable()
export class DeliveryRepository {
  /** Answers those that are new: what a former run has planned stands as it is. */
  insert(tx: Transaction, organizationId: string, planned: readonly PlannedDelivery[]): Promise<Delivery[]> {
    if (planned.length === 0) return Promise.resolve([]);
    const rows = planned.map((delivery) => ({ id: uuidv7(), organizationId, ...delivery }));
    return rowsOf<Delivery>(
      tx,
      `insert into deliveries (id, organization_id, event_id, recipient, user_id, channel, address, provider, state, decision, reason, trace,
                               hold_until, test, attempts, subject, instants)
       select id, "organizationId", "eventId", recipient, "userId", channel, address, provider, state, decision, reason, trace,
              "holdUntil", coalesce(test, false), coalesce(attempts, 0), subject, jsonb_build_object('planned', carillon_now(), state, carillon_now())
       from jsonb_to_recordset($1) as d (id uuid, "organizationId" uuid, "eventId" uuid, recipient text, "userId" uuid, channel text,
            address text, provider text, state text, decision text, reason text, trace text, "holdUntil" timestamptz, test boolean,
            attempts int, subject text)
       on conflict on constraint deliveries_recipient_unique do nothing
       returning id, state, channel, recipient`,
      [JSON.stringify(rows)],
    );
  }

  /** Held until the transaction ends. */
  lock(tx: Transaction, id: string): Promise<Delivery | null> {
    return tx.getRepository(Delivery).findOne({ where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  /** By id, those after `after`; each held until the transaction ends. */
  lockHeld(tx: Transaction, organizationId: string, after: string | null, limit: number): Promise<Delivery[]> {
    const query = tx
      .getRepository(Delivery)
      .createQueryBuilder('d')
      .where(`d.organizationId = :organizationId and d.state = 'held'`, { organizationId })
      .orderBy('d.id')
      .limit(limit)
      .setLock('pessimistic_write');
    return (after ? query.andWhere('d.id > :after', { after }) : query).getMany();
  }

  async hasHeld(tx: Transaction, organizationId: string): Promise<boolean> {
    const rows = await rowsOf(tx, `select 1 from deliveries where organization_id = $1 and state = 'held' limit 1`, [
      organizationId,
    ]);
    return rows.length > 0;
  }

  /** The one way from state to state. Answers whether it moved: it does not where the table of transitions has no such step. */
  async move(tx: Transaction, id: string, to: DeliveryState, changes: DeliveryChanges = {}): Promise<boolean> {
    const done = await tx
      .createQueryBuilder()
      .update(Delivery)
      .set({
        ...changes,
        state: to,
        instants: () => `instants || jsonb_build_object(cast(:to as text), carillon_now())`,
        updatedAt: () => 'carillon_now()',
      })
      .where('id = :id and state = any(:sources)', { id, sources: sourcesOf(to) })
      .setParameter('to', to)
      .updateEntity(false)
      .execute();
    return done.affected === 1;
  }

  /** What is known anew of a delivery that stays in its state. */
  async note(tx: Transaction, id: string, changes: DeliveryChanges): Promise<void> {
    await tx.getRepository(Delivery).update({ id }, changes);
  }
}

/** Takes those whose time has come out of their hold, for all organisations, to be planned again; others may do the same beside it. */
export async function releaseDue(sql: Sql, limit: number): Promise<{ id: string; organizationId: string }[]> {
  const { rows } = await sql.query<{ id: string; organizationId: string }>(
    `with due as (
       select id from deliveries where state = 'held' and hold_until <= carillon_now()
       order by hold_until limit $1 for update skip locked)
     update deliveries d
     set state = 'planned', hold_until = null, updated_at = carillon_now(),
         instants = instants || jsonb_build_object('planned', carillon_now())
     from due where d.id = due.id and d.state = any($2)
     returning d.id, d.organization_id as "organizationId"`,
    [limit, sourcesOf('planned')],
  );
  return rows;
}
