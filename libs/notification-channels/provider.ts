/** A provider carries a rendered message to its recipient. It knows one API, and nothing of the database, the planner or Nest. */
import { isNativeError } from 'node:util/types';
import type { z } from 'zod';

/**
 * What a failure means for what comes next:
 * `recipient` permanent, the address is bad · `message` permanent, this message is bad · `config` the settings are bad ·
 * `rate_limited` wait what the provider asked · `transient` try again with backoff ·
 * `ambiguous` the message was out and no answer came: it may have arrived, so it is never sent again blindly.
 */
export const failureClasses = ['recipient', 'message', 'config', 'rate_limited', 'transient', 'ambiguous'] as const;
export type FailureClass = (typeof failureClasses)[number];

export interface Failure {
  class: FailureClass;
  /** The provider's own words. */
  message: string;
  /** What the provider asked to wait, in milliseconds. */
  retryAfterMs?: number;
}

export interface SendOptions {
  /** The same for each attempt of one delivery. */
  idempotencyKey: string;
  signal: AbortSignal;
  /** The guarded client for URLs that users supply; default: the platform's own. */
  fetch?: typeof fetch;
}

export interface Receipt {
  /** As the provider names the message. */
  messageId: string;
}

export interface Provider<Settings = unknown, Message = unknown> {
  readonly channel: string;
  readonly name: string;
  /** Checks the settings and fills in their defaults. */
  readonly settings: z.ZodType<Settings>;
  /** Fields of the settings that are stored encrypted and never read back. */
  readonly secretFields: readonly string[];
  readonly limits: { perSecond?: number; maxBytes?: number };
  /** Two sends with one idempotency key deliver one message, so a send whose answer was lost may be repeated. */
  readonly idempotent?: boolean;
  send(message: Message, settings: Settings, options: SendOptions): Promise<Receipt>;
  /** What an error of `send` means; takes anything and never throws. */
  classify(error: unknown): Failure;
  /** Tries the settings and sends nothing. @throws what `classify` understands */
  verify?(settings: Settings): Promise<void>;
  /** Ends idle connections. */
  close?(): Promise<void>;
}

/** The text of whatever was thrown. */
export const wordsOf = (error: unknown): string =>
  isNativeError(error) ? error.message : `the provider threw ${typeof error === 'string' ? error : typeof error}`;

/** `Retry-After` in milliseconds: seconds or an HTTP date; undefined for anything else. */
export function retryAfterMs(header: unknown, now: number): number | undefined {
  const text = typeof header === 'string' || typeof header === 'number' ? String(header).trim() : '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return text === '' || Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The signal had fired before the message was handed over. */
class NotSent extends Error {}

export function refuseIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new NotSent('stopped before it was sent', { cause: signal.reason });
}

/** Codes of Node's and undici's errors that say that no connection came about, so nothing was sent. */
const beforeAnythingWasSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether a network error proves that the request never left. Looks through the causes. */
export function neverLeft(error: unknown): boolean {
  for (let current = error, depth = 0; isNativeError(current) && depth < 5; current = current.cause, depth++) {
    if (current instanceof NotSent) return true;
    const { code, syscall } = current as NodeJS.ErrnoException;
    if (code && beforeAnythingWasSent.has(code)) return true;
    if (code === 'ETIMEDOUT' && syscall === 'connect') return true;
    const { errors } = current as { errors?: unknown };
    if (Array.isArray(errors) && errors.length > 0) return errors.every(neverLeft);
  }
  return false;
}
