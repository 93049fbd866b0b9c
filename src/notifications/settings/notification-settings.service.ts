import { ChannelRegistry } from '@carillon/notification-channels';
import { Injectable } from '@nestjs/common';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { matchVersion, type Principal, unprocessable } from '../../platform/http/index.js';
import { ChannelProviders } from '../channels/channel-providers.js';
import { ChannelSettingsRepository } from '../channels/channel-settings.repository.js';
import { OwnProviders } from '../channels/own-providers.js';
import { eventCatalogue } from '../event-catalogue.js';
import { HeldDeliveries } from '../planning/held-deliveries.js';
import type { NotificationSettings } from './notification-settings.entity.js';
import { NotificationSettingsRepository, type SettingsChanges } from './notification-settings.repository.js';
import { answerOf } from './settings-answer.js';
import type { NotificationSettingsDto } from './settings-answer.dto.js';
import type { ChangeNotificationSettingsDto } from './settings.dto.js';
import { problemsOf } from './settings-rules.js';

/** An organisation's settings; a SystemAdmin who names no organisation reads and changes those of its own. */
@Injectable()
export class NotificationSettingsService {
  constructor(
    private readonly database: Database,
    private readonly settings: NotificationSettingsRepository,
    private readonly providers: ChannelProviders,
    private readonly channelSettings: ChannelSettingsRepository,
    private readonly ownProviders: OwnProviders,
    private readonly held: HeldDeliveries,
    private readonly registry: ChannelRegistry,
  ) {}

  read(principal: Principal): Promise<NotificationSettingsDto> {
    return this.database.withOrganization(principal.organizationId, async (tx) =>
      this.answer(tx, await this.settings.get(tx, principal.organizationId, principal.id)),
    );
  }

  /** @throws Problem 412 where `ifMatch` is not the current version, 422 for what is impossible */
  change(
    principal: Principal,
    changes: ChangeNotificationSettingsDto,
    ifMatch: string | undefined,
    origin: Origin,
  ): Promise<NotificationSettingsDto> {
    const problems = problemsOf(changes, {
      providers: (channel) => this.registry.providersOf(channel).map(({ name }) => name),
      eventTypes: new Set(eventCatalogue.keys()),
    });
    if (problems.length > 0) throw unprocessable(problems);
    const { organizationId } = principal;
    return this.database.withOrganization(organizationId, async (tx) => {
      const before = await this.settings.lock(tx, organizationId, principal.id);
      matchVersion(ifMatch, before.version);
      if (fieldNames(changes).length === 0) return this.answer(tx, before);
      await this.changeProviders(tx, organizationId, changes);
      const after = await this.settings.change(tx, organizationId, columnsOf(changes), principal.id);
      await recordAudit(tx, principal, organizationId, {
        action: 'notification-settings.updated',
        targetType: 'notification-settings',
        targetId: after.id,
        details: { fields: fieldNames(changes), version: after.version },
        ...origin,
      });
      await this.held.planAgain(tx, organizationId);
      return this.answer(tx, after);
    });
  }

  private async changeProviders(
    tx: Transaction,
    organizationId: string,
    { slackWebhookUrl, smtp, twilio }: ChangeNotificationSettingsDto,
  ): Promise<void> {
    const change = this.ownProviders.change.bind(this.ownProviders, tx, organizationId);
    const slack = typeof slackWebhookUrl === 'string' ? { webhookUrl: slackWebhookUrl } : slackWebhookUrl;
    if (slack !== undefined) await change(['slack', 'webhook'], slack, () => '/slackWebhookUrl');
    if (smtp !== undefined) await change(['email', 'smtp'], smtp && { ...smtp }, (field) => `/smtp/${field}`);
    if (twilio !== undefined) await change(['sms', 'twilio'], twilio && { ...twilio }, (field) => `/twilio/${field}`);
  }

  private async answer(tx: Transaction, settings: NotificationSettings): Promise<NotificationSettingsDto> {
    const providers = await this.providers.of(tx, settings);
    return answerOf(settings, providers, await this.channelSettings.all(tx, settings.organizationId));
  }
}

function columnsOf(changes: ChangeNotificationSettingsDto): SettingsChanges {
  const { slackWebhookUrl: _s, smtp: _m, twilio: _t, dndUntil, ...columns } = changes;
  const given = Object.fromEntries(
    Object.entries(columns).filter(([, value]) => value !== undefined),
  ) as SettingsChanges;
  return dndUntil === undefined ? given : { ...given, dndUntil: dndUntil === null ? null : new Date(dndUntil) };
}

/** Names only: values may be secrets. */
const fieldNames = (changes: ChangeNotificationSettingsDto) =>
  Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([field]) => field)
    .sort();
