import { isNativeError } from 'node:util/types';
import { type FetchFunction, IncomingWebhook, IncomingWebhookHTTPError } from '@slack/webhook';
import { z } from 'zod';
import { type FailureClass, neverLeft, type Provider, refuseIfAborted, retryAfterMs, wordsOf } from '../provider.js';
import type { SlackMessage } from './slack-channel.js';

/** The only host that Slack's incoming webhooks have. */
const slackHost = 'hooks.slack.com';

export const slackSettings = z.strictObject({
  webhookUrl: z
    .url()
    .max(500)
    .refine((text) => isSlackUrl(text), { message: `must be an address at https://${slackHost}/` }),
  /** Another address, for a stand-in: it takes the place of https://hooks.slack.com. */
  endpoint: z.url().optional(),
  timeoutMs: z.number().int().min(50).max(60_000).default(10_000),
});
export type SlackSettings = z.output<typeof slackSettings>;

function isSlackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, username, password } = new URL(text);
  return protocol === 'https:' && host === slackHost && !username && !password;
}

/** Posts to a channel through Slack's own client. */
export const slackWebhook: Provider<SlackSettings, SlackMessage> = {
  channel: 'slack',
  name: 'webhook',
  settings: slackSettings,
  secretFields: ['webhookUrl'],
  limits: { perSecond: 1, maxBytes: 40_000 }, // docs.slack.dev/apis/web-api/rate-limits
  async send(message, settings, { signal, idempotencyKey, fetch = globalThis.fetch }) {
    refuseIfAborted(signal);
    const seen: Seen = {};
    // the client never retries and hides the headers, so we look at the answer on its way
    const watched: FetchFunction = async (url, init) => {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutMs)]);
      try {
        const response = await fetch(url, { ...init, signal: deadline });
        seen.retryAfter = retryAfterMs(response.headers.get('retry-after'), Date.now());
        return response;
      } catch (error) {
        seen.networkError = error;
        throw error;
      }
    };
    try {
      await new IncomingWebhook(addressOf(settings), { fetch: watched }).send(message);
    } catch (error) {
      throw Object.assign(error as Error, seen);
    }
    return { messageId: idempotencyKey }; // Slack answers "ok" and no name
  },
  classify(error) {
    const { retryAfter } = isNativeError(error) ? (error as Seen) : {};
    return {
      class: classOf(error),
      message: messageOf(error),
      ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
    };
  },
};

/** What passed on the wire and does not stand in the client's own errors. */
interface Seen {
  retryAfter?: number | undefined;
  networkError?: unknown;
}

function addressOf({ webhookUrl, endpoint }: SlackSettings): string {
  return endpoint ? new URL(new URL(webhookUrl).pathname, endpoint).href : webhookUrl;
}

/** docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: plain-text bodies such as `no_service` and `invalid_payload`. */
function classOf(error: unknown): FailureClass {
  if (!(error instanceof IncomingWebhookHTTPError)) return neverLeft(wireErrorOf(error)) ? 'transient' : 'ambiguous';
  const { statusCode, body } = error;
  if (statusCode === 429) return 'rate_limited';
  if (statusCode >= 500) return 'transient';
  if ([401, 403, 404, 410].includes(statusCode) || /^(no_|invalid_token|channel_)/.test(body ?? '')) return 'config';
  return 'message';
}

function messageOf(error: unknown): string {
  if (error instanceof IncomingWebhookHTTPError)
    return `Slack answered ${error.statusCode}: ${(error.body ?? '').slice(0, 500)}`;
  const causes: string[] = [];
  for (let e = wireErrorOf(error); isNativeError(e) && causes.length < 4; e = e.cause)
    if (e.message) causes.push(e.message);
  return causes.length > 0 ? [...new Set(causes)].join(': ') : wordsOf(error);
}

const wireErrorOf = (error: unknown): unknown =>
  isNativeError(error) ? ((error as Seen).networkError ?? error) : error;
