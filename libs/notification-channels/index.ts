export { type Channel, type Content, type Envelope, MessageRefused } from './channel.js';
export { conformance, type ConformanceCase, type StandIn } from './conformance.js';
export { email, type EmailMessage } from './email/email-channel.js';
export { createSmtp, smtpSettings, type SmtpSettings, smtpSettingsFromUrl } from './email/smtp.js';
export {
  type Failure,
  type FailureClass,
  failureClasses,
  type Provider,
  type Receipt,
  type SendOptions,
} from './provider.js';
export { ChannelRegistry, RegistryError } from './registry.js';
export { createSandbox, type SandboxMessage, type SandboxSink } from './sandbox/sandbox.js';
export { slack, type SlackMessage } from './slack/slack-channel.js';
export { slackSettings, slackWebhook } from './slack/slack-webhook.js';
export { isE164, sms, type SmsMessage } from './sms/sms-channel.js';
export { twilioSettings, twilioSms } from './sms/twilio.js';
