import { builtInSettings } from '@carillon/delivery-policy';
import { Injectable } from '@nestjs/common';
import type { QueryDeepPartialEntity } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../../platform/database/index.js';
import { NotificationSettings } from './notification-settings.entity.js';

/** The columns that a caller may set. */
export type SettingsChanges = Partial<
  Omit<
    NotificationSettings,
    'id' | 'organizationId' | 'version' | 'createdBy' | 'updatedBy' | 'createdAt' | 'updatedAt'
  >
>;

/** All statements on `notification_settings`. */
@Injectable()
export class NotificationSettingsRepository {
  /** Those of the transaction's organisation, made with the defaults where there are none: twenty first reads at once make one row. */
  async get(tx: Transaction, organizationId: string, by: string | null): Promise<NotificationSettings> {
    return (await this.find(tx, organizationId)) ?? (await this.create(tx, organizationId, by));
  }

  /**
   * As `get`, and holds them until the transaction ends. What is planned by them is thereby planned either before a change, which then
   * finds it held and plans it again, or after it: nothing is held by settings that nobody has any more.
   */
  async hold(tx: Transaction, organizationId: string): Promise<NotificationSettings> {
    await this.get(tx, organizationId, null);
    return this.locked(tx, organizationId, 'pessimistic_read');
  }

  /** As `get`, for a change: others wait. */
  async lock(tx: Transaction, organizationId: string, by: string): Promise<NotificationSettings> {
    await this.get(tx, organizationId, by);
    return this.locked(tx, organizationId, 'pessimistic_write');
  }

  /** Writes the given columns and no other, so that two who change different ones lose nothing. Triggers merge by event type. */
  async change(
    tx: Transaction,
    organizationId: string,
    changes: SettingsChanges,
    by: string,
  ): Promise<NotificationSettings> {
    const { triggers, ...columns } = changes;
    const query = tx
      .createQueryBuilder()
      .update(NotificationSettings)
      .set({
        ...(columns as QueryDeepPartialEntity<NotificationSettings>),
        ...(triggers && { triggers: () => `triggers || cast(:triggers as jsonb)` }),
        version: () => 'version + 1',
        updatedBy: by,
        updatedAt: () => 'carillon_now()',
      })
      .where({ organizationId });
    await query
      .setParameter('triggers', JSON.stringify(triggers ?? {}))
      .updateEntity(false)
      .execute();
    return (await this.find(tx, organizationId))!;
  }

  private find(tx: Transaction, organizationId: string): Promise<NotificationSettings | null> {
    return tx.getRepository(NotificationSettings).findOneBy({ organizationId });
  }

  private async create(tx: Transaction, organizationId: string, by: string | null): Promise<NotificationSettings> {
    await tx.query(
      `insert into notification_settings (id, organization_id, triggers, created_by, updated_by) values ($1, $2, $3, $4, $4)
       on conflict on constraint notification_settings_organization_unique do nothing`,
      [uuidv7(), organizationId, JSON.stringify(builtInSettings.triggers), by],
    );
    return (await this.find(tx, organizationId))!;
  }

  private locked(
    tx: Transaction,
    organizationId: string,
    mode: 'pessimistic_read' | 'pessimistic_write',
  ): Promise<NotificationSettings> {
    return tx.getRepository(NotificationSettings).findOneOrFail({ where: { organizationId }, lock: { mode } });
  }
}
