import { z } from 'zod';
import { type Provider, refuseIfAborted, wordsOf } from '../provider.js';

/** Puts a message where the mailbox shows it; a second time with the same key changes nothing. */
export interface SandboxSink {
  store(message: SandboxMessage): Promise<void>;
}

export interface SandboxMessage {
  organizationId: string;
  channel: string;
  /** The delivery. */
  key: string;
  to: string;
  subject: string | null;
  /** As rendered for the channel. */
  message: object;
}

export const sandboxSettings = z.strictObject({ organizationId: z.uuid() });

/** Sends nothing to anyone: it keeps what would have been sent. The default where nothing is configured, and absent in production. */
export function createSandbox(
  channel: string,
  sink: SandboxSink,
): Provider<z.output<typeof sandboxSettings>, { to?: string; channel?: string; subject?: string }> {
  return {
    channel,
    name: 'sandbox',
    settings: sandboxSettings,
    secretFields: [],
    limits: {},
    idempotent: true,
    async send(message, { organizationId }, { idempotencyKey, signal }) {
      refuseIfAborted(signal);
      const to = message.to ?? message.channel ?? '';
      await sink.store({ organizationId, channel, key: idempotencyKey, to, subject: message.subject ?? null, message });
      return { messageId: `sandbox-${idempotencyKey}` };
    },
    classify: (error) => ({ class: 'transient', message: wordsOf(error) }),
  };
}
