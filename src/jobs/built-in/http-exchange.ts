/** What an `http.request` job sends, and what becomes of the job by the answer: pure. */
import { DiscardJob, RetryAfter } from '@carillon/job-engine';
import { type OutgoingAnswer, retryAfterMs } from '../../platform/outgoing-http/index.js';
import type { HttpRequestPayload } from './http-request.dto.js';

export interface HttpRequestResult {
  status: number;
  /** Those of `toldHeaders` that came. */
  headers: Record<string, string>;
  /** The first 4,000 characters of a text; null where the answer was none. */
  bodyExcerpt: string | null;
  /** The excerpt, or the 64 KiB that were read, are not the whole answer. */
  truncated: boolean;
}

/** Never `set-cookie` and the like. */
const toldHeaders = ['content-type', 'content-length', 'date', 'etag', 'location', 'retry-after', 'x-request-id'];
const excerptLength = 4_000;
/** A server may ask for patience, not for a year. */
const longestRetryAfterMs = 86_400_000;

/** Names that only a credential has. Their values would lie in the database and be shown to whoever may read jobs. */
const credentialName =
  /authorization|cookie|token|secret|passw|credential|signature|api-?key|access-?key|private-?key/i;
/** Those that the job sets, by which the other side knows it again. */
const jobHeaders = new Set(['idempotency-key', 'x-carillon-job', 'traceparent']);

export function headerProblems(
  headers: Readonly<Record<string, unknown>> = {},
): { pointer: string; message: string }[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const pointer = `/headers/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (typeof value !== 'string') return [{ pointer, message: 'must be a text' }];
    if (jobHeaders.has(name.toLowerCase())) return [{ pointer, message: 'is set by the job itself: leave it out' }];
    if (!credentialName.test(name)) return [];
    const mend = 'payloads are stored and shown, so let the operator set it in HTTP_REQUEST_HEADERS';
    return [{ pointer, message: `is the name of a credential: ${mend}` }];
  });
}

export function bodyOf({ body }: HttpRequestPayload): { text?: string; type?: string } {
  if (body === undefined || body === null) return {};
  return typeof body === 'string' ? { text: body } : { text: JSON.stringify(body), type: 'application/json' };
}

/** The trace of whoever asked for the job, with a span of our own; a job that nobody traced begins one, named by its id. */
export function traceParentOf(job: { jobId: string; traceParent: string | null }, span: string): string {
  const given = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(job.traceParent ?? '');
  return `00-${given?.[1] ?? job.jobId.replaceAll('-', '')}-${span}-${given?.[2] ?? '00'}`;
}

/** @param secrets texts that an answer might echo and nobody is to read */
export function resultOf(answer: OutgoingAnswer, secrets: readonly string[]): HttpRequestResult {
  const told = toldHeaders.filter((name) => name in answer.headers);
  const text = textOf(answer);
  return {
    status: answer.status,
    headers: Object.fromEntries(told.map((name) => [name, without(secrets, answer.headers[name]!)])),
    bodyExcerpt: text === null ? null : without(secrets, text).slice(0, excerptLength),
    truncated: answer.truncated || (text?.length ?? 0) > excerptLength,
  };
}

/**
 * 5xx, 408, 425 and 429 are tried again, at the time that `Retry-After` names; what else is not expected will not be better next time.
 * @param where the origin: paths and queries may be secrets
 * @throws DiscardJob, RetryAfter, Error for the ordinary retry
 */
export function refuseUnexpected(
  result: HttpRequestResult,
  expected: readonly number[] | undefined,
  where: string,
  now: number,
): void {
  const { status, headers } = result;
  if (expected ? expected.includes(status) : status >= 200 && status < 300) return;
  const message = `${where} answered ${status}${expected ? `, not ${expected.join(' or ')}` : ''}`;
  if (status >= 500 || [408, 425, 429].includes(status)) {
    const wait = retryAfterMs(headers['retry-after'], now);
    throw wait === undefined ? new Error(message) : new RetryAfter(Math.min(wait, longestRetryAfterMs), message);
  }
  if (status >= 300 && status < 400)
    throw new DiscardJob(`${message}; redirects are not followed`, 'redirected', result);
  throw new DiscardJob(message, `http_${status}`, result);
}

function textOf({ body, headers, truncated }: OutgoingAnswer): string | null {
  const type = headers['content-type'] ?? 'text/plain';
  if (!/^text\/|[/+](json|xml)\b|^application\/(javascript|x-www-form-urlencoded|problem)/i.test(type)) return null;
  try {
    // a character that the limit cut in two is no error
    return new TextDecoder('utf-8', { fatal: true }).decode(body, { stream: truncated });
  } catch {
    return null;
  }
}

const without = (secrets: readonly string[], text: string) =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
