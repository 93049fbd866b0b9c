import type { ChannelName } from '@carillon/delivery-policy';
import type { FailureClass } from '@carillon/notification-channels';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DeliveryState } from './delivery-state.js';

/** One event for one recipient on one channel: what was decided, why, and what came of it. It is the delivery log too. */
@Entity('deliveries')
export class Delivery {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('uuid', { name: 'event_id' })
  eventId!: string;

  /** `user:<id>`, or `place:<channel>` for a place of the organisation. */
  @Column('text')
  recipient!: string;

  @Column('uuid', { name: 'user_id', nullable: true })
  userId!: string | null;

  @Column('text')
  channel!: ChannelName;

  @Column('text', { nullable: true })
  provider!: string | null;

  @Column('text', { nullable: true })
  address!: string | null;

  @Column('text')
  state!: DeliveryState;

  /** `send`, `hold` or `drop`: the planner's last word. */
  @Column('text')
  decision!: string;

  @Column('text', { nullable: true })
  reason!: string | null;

  /** The planner's trace, encoded. */
  @Column('text')
  trace!: string;

  @Column('timestamptz', { name: 'hold_until', nullable: true })
  holdUntil!: Date | null;

  /** Sent by hand to try the channel: passes the planner's rules 5 to 9. */
  @Column('boolean')
  test!: boolean;

  @Column('text', { nullable: true })
  subject!: string | null;

  @Column('int')
  attempts!: number;

  @Column('text', { nullable: true })
  error!: string | null;

  @Column('text', { name: 'error_class', nullable: true })
  errorClass!: FailureClass | null;

  @Column('text', { name: 'provider_message_id', nullable: true })
  providerMessageId!: string | null;

  /** State → the instant at which it was entered last. */
  @Column('jsonb')
  instants!: Partial<Record<DeliveryState, string>>;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
