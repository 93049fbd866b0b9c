import type { ChannelName } from '@carillon/delivery-policy';
import { Injectable } from '@nestjs/common';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import type { NotificationSettings } from '../settings/notification-settings.entity.js';
import type { EventRow } from './event.repository.js';

/** Who is told: a user, or (with `userId` null) a place of the organisation. */
export interface Recipient {
  /** `user:<id>` or `place:<channel>`. */
  key: string;
  userId: string | null;
  addresses: Partial<Record<ChannelName, string | null>>;
  /** As stored; the planner reads them. */
  preferences: unknown;
}

interface Person {
  id: string;
  email: string;
  phone: string | null;
  preferences: unknown;
}

/** Who hears of an event: the user whom it concerns, else the administrators of the organisation; places hear by their channel. */
@Injectable()
export class Recipients {
  async of(
    tx: Transaction,
    event: EventRow,
    channel: ChannelName,
    settings: NotificationSettings,
  ): Promise<Recipient[]> {
    if (channel === 'slack') return [placeOf(settings)];
    const concerned = event.userId ? await people(tx, `u.id = $1`, [event.userId]) : [];
    const heard = concerned.length > 0 ? concerned : await people(tx, `m.role = 'OrgAdmin'`, []);
    return heard.map(recipientOf);
  }

  /** The recipient of a delivery as it is now; null where it has left the organisation. */
  async find(tx: Transaction, key: string, settings: NotificationSettings): Promise<Recipient | null> {
    if (key === slackPlace) return placeOf(settings);
    const [person] = await people(tx, `u.id = $1`, [key.slice('user:'.length)]);
    return person ? recipientOf(person) : null;
  }
}

const slackPlace = 'place:slack';

/** The webhook says where a message goes; a channel's name is only a wish that older webhooks fulfil. */
const placeOf = (settings: NotificationSettings): Recipient => ({
  key: slackPlace,
  userId: null,
  addresses: { slack: settings.slackChannel ?? '' },
  preferences: null,
});

const recipientOf = ({ id, email, phone, preferences }: Person): Recipient => ({
  key: `user:${id}`,
  userId: id,
  addresses: { email, sms: phone },
  preferences,
});

/** People of the transaction's organisation who may sign in. */
function people(tx: Transaction, condition: string, values: unknown[]): Promise<Person[]> {
  return rowsOf(
    tx,
    `select u.id, u.email, u.phone, u.notification_preferences as preferences
     from memberships m join users u on u.id = m.user_id
     where m.organization_id = (select carillon_current_organization()) and u.disabled_at is null and ${condition}
     order by u.id`,
    values,
  );
}
