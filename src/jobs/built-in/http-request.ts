import { randomBytes } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { DiscardJob, InvalidPayload, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { checkHeaders, OutgoingHttp, OutgoingRefused } from '../../platform/outgoing-http/index.js';
import {
  bodyOf,
  headerProblems,
  type HttpRequestResult,
  refuseUnexpected,
  resultOf,
  traceParentOf,
} from './http-exchange.js';
import { HttpRequestPayload } from './http-request.dto.js';

/**
 * Calls a URL, so that schedules are useful without code. At least once: the other side knows a repeated call by its `Idempotency-Key`, which
 * is the job's id. Header values are told nowhere.
 */
@JobHandler('http.request', { queue: 'http', maxRetries: 3, timeoutSeconds: 330, payload: HttpRequestPayload })
export class HttpRequest implements Job<HttpRequestPayload, HttpRequestResult> {
  private readonly hosts: readonly string[];
  private readonly secretHeaders: Readonly<Record<string, Readonly<Record<string, string>>>>;
  private readonly mend: string;

  constructor(
    private readonly outgoing: OutgoingHttp,
    @Inject(CONFIG) { outgoing: { httpRequest } }: Config,
  ) {
    this.hosts = httpRequest.hosts;
    this.secretHeaders = httpRequest.headers;
    this.mend = `${this.hosts.length === 0 ? 'no host is; ' : ''}the operator lists them in HTTP_REQUEST_ALLOWED_HOSTS`;
  }

  async checkPayload(payload: HttpRequestPayload): Promise<void> {
    const problems = headerProblems(payload.headers);
    if (payload.body !== undefined && ['GET', 'HEAD'].includes(payload.method))
      problems.push({ pointer: '/body', message: `does not go with ${payload.method}` });
    if (problems.length === 0) problems.push(...refusalAt('/headers', () => checkHeaders(payload.headers ?? {})));
    const reason = await this.outgoing.check(payload.url, { hosts: this.hosts, mend: this.mend }).catch(refusalOnly);
    if (reason) problems.push({ pointer: '/url', message: reason.message });
    if (problems.length > 0) throw new InvalidPayload(problems);
  }

  async run(payload: HttpRequestPayload, ctx: JobContext): Promise<HttpRequestResult> {
    const { origin, host } = new URL(payload.url);
    const secret = this.secretHeaders[host] ?? {};
    const began = performance.now();
    const answer = await this.send(payload, secret, ctx);
    const result = resultOf(answer, Object.values(secret).flatMap(partsOf));
    const ms = Math.round(performance.now() - began);
    ctx.log('info', `${payload.method} ${origin} answered ${result.status} in ${ms} ms`);
    refuseUnexpected(result, payload.expectStatus, `${payload.method} ${origin}`, Date.now());
    return result;
  }

  private async send(payload: HttpRequestPayload, secret: Readonly<Record<string, string>>, ctx: JobContext) {
    const { text, type } = bodyOf(payload);
    try {
      return await this.outgoing.send({
        url: payload.url,
        method: payload.method,
        headers: {
          'user-agent': 'Carillon',
          ...(type !== undefined && { 'content-type': type }),
          ...lowerCased(payload.headers),
          ...lowerCased(secret),
          'idempotency-key': ctx.jobId,
          'x-carillon-job': ctx.jobId,
          traceparent: traceParentOf(ctx, randomBytes(8).toString('hex')),
        },
        ...(text !== undefined && { body: text }),
        hosts: this.hosts,
        mend: this.mend,
        deadlineMs: (payload.timeoutSeconds ?? 30) * 1_000,
        signal: ctx.signal,
      });
    } catch (error) {
      if (error instanceof OutgoingRefused) throw new DiscardJob(`the URL ${error.message}`, 'url_refused');
      throw error;
    }
  }
}

/** A header's value, and the token alone where a scheme goes before it: an echo may hold either. */
const partsOf = (value: string) => [value, ...value.split(' ').slice(1)].filter((part) => part.length >= 6);

/** So that the same header in other letters is the same header. */
const lowerCased = (headers: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function refusalAt(pointer: string, check: () => void): { pointer: string; message: string }[] {
  try {
    check();
    return [];
  } catch (error) {
    return [{ pointer, message: refusalOnly(error).message }];
  }
}

function refusalOnly(error: unknown): OutgoingRefused {
  if (error instanceof OutgoingRefused) return error;
  throw error;
}
