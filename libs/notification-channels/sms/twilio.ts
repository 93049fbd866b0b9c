import { isNativeError } from 'node:util/types';
import twilio from 'twilio';
import RequestClient from 'twilio/lib/base/RequestClient.js';
import { z } from 'zod';
import {
  type Failure,
  type FailureClass,
  neverLeft,
  type Provider,
  refuseIfAborted,
  retryAfterMs,
  wordsOf,
} from '../provider.js';
import type { SmsMessage } from './sms-channel.js';

export const twilioSettings = z.strictObject({
  accountSid: z.string().regex(/^AC[0-9a-fA-F]{32}$/, 'accountSid must be AC and 32 hexadecimal digits'),
  authToken: z.string().min(1).max(200),
  /** Sends from a pool of numbers instead of one. */
  messagingServiceSid: z
    .string()
    .regex(/^MG[0-9a-fA-F]{32}$/, 'messagingServiceSid must be MG and 32 hexadecimal digits')
    .optional(),
  /** Another address of the API, for a stand-in. */
  endpoint: z.url().optional(),
  timeoutMs: z.number().int().min(50).max(60_000).default(15_000),
});
export type TwilioSettings = z.output<typeof twilioSettings>;

/** Text messages through Twilio's own client. */
export const twilioSms: Provider<TwilioSettings, SmsMessage> = {
  channel: 'sms',
  name: 'twilio',
  settings: twilioSettings,
  secretFields: ['authToken'],
  limits: { perSecond: 1, maxBytes: 6_400 }, // one a second and long code number; twilio.com/docs/glossary/what-is-a-message-segment
  async send(message, settings, { signal }) {
    refuseIfAborted(signal);
    const client = twilio(settings.accountSid, settings.authToken, {
      httpClient: new TwilioHttp({ timeout: settings.timeoutMs, keepAlive: false }, settings.endpoint),
    });
    const sender = settings.messagingServiceSid
      ? { messagingServiceSid: settings.messagingServiceSid }
      : { from: message.from };
    const { sid } = await client.messages.create({ to: message.to, body: message.text, ...sender });
    return { messageId: sid };
  },
  classify(error) {
    if (error instanceof TwilioRateLimited)
      return {
        class: 'rate_limited',
        message: error.message,
        ...(error.retryAfter !== undefined && { retryAfterMs: error.retryAfter }),
      };
    return { class: classOf(error), message: wordsOf(error) } satisfies Failure;
  },
};

/** Twilio has no option for its address, and its errors lose `Retry-After`: both are mended here. */
class TwilioHttp extends RequestClient {
  constructor(
    options: RequestClient.RequestClientOptions,
    private readonly endpoint: string | undefined,
  ) {
    super(options);
  }

  override async request<T>(options: RequestClient.RequestOptions<T>) {
    const response = await super.request<T>({ ...options, uri: this.redirected(options.uri) });
    if (response.statusCode !== 429) return response;
    const headers = (response as { headers?: Record<string, unknown> }).headers;
    throw new TwilioRateLimited(retryAfterMs(headers?.['retry-after'], Date.now()));
  }

  private redirected(uri: string): string {
    if (!this.endpoint) return uri;
    const url = new URL(uri);
    return new URL(url.pathname + url.search, this.endpoint).href;
  }
}

class TwilioRateLimited extends Error {
  constructor(readonly retryAfter: number | undefined) {
    super('Twilio answered 429: too many requests');
  }
}

/** twilio.com/docs/api/errors: the number wanted is bad or has opted out (21610 STOP); the account or its sender is not right. */
const byCode: Readonly<Record<number, FailureClass>> = {
  21211: 'recipient',
  21214: 'recipient',
  21217: 'recipient',
  21610: 'recipient',
  21614: 'recipient',
  20003: 'config',
  20005: 'config',
  21212: 'config',
  21408: 'config',
  21603: 'config',
  21606: 'config',
  21659: 'config',
  20429: 'rate_limited',
};

function classOf(error: unknown): FailureClass {
  const { status, code } = (isNativeError(error) ? error : {}) as { status?: number; code?: number | string };
  if (typeof code === 'number' && byCode[code]) return byCode[code];
  if (typeof status === 'number') return classOfStatus(status);
  // no answer: unless the request provably never left, the message may be on its way
  return neverLeft(error) ? 'transient' : 'ambiguous';
}

function classOfStatus(status: number): FailureClass {
  if (status === 401 || status === 403 || status === 404) return 'config';
  return status >= 500 ? 'transient' : 'message';
}
