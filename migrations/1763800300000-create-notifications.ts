import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What happened (events), what came of it (deliveries), how an organisation wants to be told, and the sandbox's mailbox. */
export class CreateNotifications1763800300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...events, ...settings, ...deliveries, ...walls]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table sandbox_messages, deliveries, channel_settings, notification_settings, events`);
  }
}

const events = [
  // user_id has no foreign key: an event is history, and a user deleted meanwhile must not undo the end of a job
  `create table events (
     id uuid constraint events_pk primary key,
     organization_id uuid not null constraint events_organization_fk references organizations on delete cascade,
     type text not null constraint events_type_length check (length(type) between 1 and 100),
     severity text not null constraint events_severity_known check (severity in ('info', 'warning', 'critical')),
     data jsonb not null default '{}'::jsonb constraint events_data_object check (jsonb_typeof(data) = 'object'),
     subject_type text,
     subject_id text,
     user_id uuid,
     dedup_key text,
     occurred_at timestamptz not null default carillon_now(),
     expires_at timestamptz,
     planned_at timestamptz
   )`,
  `comment on column events.planned_at is 'when its deliveries were planned; null until then'`,
  `create index events_organization on events (organization_id, id)`,
];

const settings = [
  `create table notification_settings (
     id uuid constraint notification_settings_pk primary key,
     organization_id uuid not null constraint notification_settings_organization_unique unique
       constraint notification_settings_organization_fk references organizations on delete cascade,
     email_enabled boolean not null default true,
     email_provider text,
     email_from_address text,
     email_from_name text,
     email_reply_to text,
     sms_enabled boolean not null default false,
     sms_provider text,
     sms_from_number text,
     slack_enabled boolean not null default false,
     slack_channel text,
     slack_critical_only boolean not null default false,
     triggers jsonb not null default '{}'::jsonb
       constraint notification_settings_triggers_object check (jsonb_typeof(triggers) = 'object'),
     digest_frequency text not null default 'immediate'
       constraint notification_settings_digest_frequency_known check (digest_frequency in ('immediate', 'hourly', 'daily', 'weekly')),
     digest_time text not null default '08:00'
       constraint notification_settings_digest_time_shape check (digest_time ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
     digest_weekday smallint not null default 1
       constraint notification_settings_digest_weekday_range check (digest_weekday between 1 and 7),
     digest_minute smallint not null default 0
       constraint notification_settings_digest_minute_range check (digest_minute between 0 and 59),
     quiet_hours_enabled boolean not null default false,
     quiet_hours jsonb not null default '[]'::jsonb
       constraint notification_settings_quiet_hours_list check (jsonb_typeof(quiet_hours) = 'array'),
     timezone text not null default 'UTC',
     dnd_enabled boolean not null default false,
     dnd_until timestamptz,
     dnd_reason text,
     critical_bypass boolean not null default true,
     throttle_per_hour int constraint notification_settings_throttle_positive check (throttle_per_hour > 0),
     throttle_overflow text not null default 'drop'
       constraint notification_settings_throttle_overflow_known check (throttle_overflow in ('drop', 'digest')),
     custom_settings jsonb not null default '{}'::jsonb
       constraint notification_settings_custom_settings_object check (jsonb_typeof(custom_settings) = 'object'),
     version int not null default 1,
     created_by uuid,
     updated_by uuid,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now()
   )`,
  `comment on column notification_settings.email_provider is 'null: the environment''s provider, else the sandbox'`,
  `create index notification_settings_created_at on notification_settings (created_at)`,
  `create table channel_settings (
     id uuid constraint channel_settings_pk primary key,
     organization_id uuid not null constraint channel_settings_organization_fk references organizations on delete cascade,
     channel text not null,
     provider text not null,
     settings jsonb not null default '{}'::jsonb
       constraint channel_settings_settings_object check (jsonb_typeof(settings) = 'object'),
     secrets text,
     secret_hints jsonb not null default '{}'::jsonb,
     version int not null default 1,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now(),
     constraint channel_settings_provider_unique unique (organization_id, channel, provider)
   )`,
  `comment on column channel_settings.secrets is 'sealed JSON of the provider''s secret fields (platform/secrets)'`,
  `comment on column channel_settings.secret_hints is 'what a reader may see of each secret: its hint and when it was set'`,
];

const deliveries = [
  `create table deliveries (
     id uuid constraint deliveries_pk primary key,
     organization_id uuid not null constraint deliveries_organization_fk references organizations on delete cascade,
     event_id uuid not null constraint deliveries_event_fk references events on delete cascade,
     recipient text not null,
     user_id uuid,
     channel text not null,
     provider text,
     address text,
     state text not null constraint deliveries_state_known check (state in ('planned', 'held', 'digesting', 'sending',
       'sent', 'delivered', 'read', 'failed', 'dropped', 'ambiguous', 'cancelled')),
     decision text not null,
     reason text,
     trace text not null default '' constraint deliveries_trace_length check (length(trace) <= 200),
     hold_until timestamptz,
     test boolean not null default false,
     subject text,
     attempts int not null default 0,
     error text,
     error_class text,
     provider_message_id text,
     instants jsonb not null default '{}'::jsonb,
     created_at timestamptz not null default carillon_now(),
     updated_at timestamptz not null default carillon_now(),
     constraint deliveries_recipient_unique unique (event_id, recipient, channel)
   )`,
  `comment on column deliveries.recipient is 'user:<id>, or place:<channel> for a place of the organisation'`,
  `comment on column deliveries.instants is 'state → the instant at which the delivery entered it last'`,
  `create index deliveries_organization on deliveries (organization_id, id)`,
  `create index deliveries_held on deliveries (organization_id, id) where state = 'held'`,
  `create index deliveries_due on deliveries (hold_until) where state = 'held'`,
  `create table sandbox_messages (
     id uuid constraint sandbox_messages_pk primary key,
     organization_id uuid not null constraint sandbox_messages_organization_fk references organizations on delete cascade,
     channel text not null,
     delivery_id uuid not null constraint sandbox_messages_delivery_unique unique,
     recipient text not null,
     subject text,
     message jsonb not null,
     created_at timestamptz not null default carillon_now()
   )`,
  `create index sandbox_messages_organization on sandbox_messages (organization_id, id)`,
];

const walls = ['events', 'notification_settings', 'channel_settings', 'deliveries', 'sandbox_messages'].map(
  (table) => `call carillon_raise_wall('${table}', 'select, insert, update, delete')`,
);
