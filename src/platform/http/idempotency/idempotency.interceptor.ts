import { createHmac } from 'node:crypto';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { catchError, finalize, mergeMap, type Observable, of } from 'rxjs';
import { v7 as uuidv7 } from 'uuid';
import { CONFIG, type Config } from '../../config/index.js';
import type { AuthenticatedRequest } from '../access.js';
import { badRequest, Problem } from '../problem.js';
import { IdempotencyStore, type KeptAnswer, type KeyHolder, leaseSeconds } from './idempotency-store.js';
import { idempotencyMetadata, type IdempotentOptions } from './idempotent.js';

/** Carries `@Idempotent()` out; the promises are in its documentation. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly log = new Logger('Idempotency');

  constructor(
    private readonly reflector: Reflector,
    private readonly store: IdempotencyStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const options = this.reflector.get<Required<IdempotentOptions> | undefined>(
      idempotencyMetadata,
      context.getHandler(),
    );
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const key = options && keyOf(request);
    if (!options || key === undefined) return next.handle();
    const { organizationId, id: principalId } = request.principal;
    const holder = { organizationId, principalId, key, token: uuidv7() };
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const claim = await this.store.claim(holder, fingerprintOf(request, this.config.secrets.jwt ?? ''));
    if (claim.state === 'running') throw inProgress();
    if (claim.state === 'otherRequest') throw keyReused();
    if (claim.state === 'answered') return of(replay(reply, claim.answer));
    return this.run(holder, next, (body) => answerOf(reply, body, options));
  }

  private run(holder: KeyHolder, next: CallHandler, answer: (body: unknown) => KeptAnswer): Observable<unknown> {
    const renewal = setInterval(() => void this.quietly('renew', this.store.renew(holder)), (leaseSeconds / 3) * 1_000);
    return next.handle().pipe(
      mergeMap(async (body: unknown) => {
        await this.quietly('keep the answer of', this.store.keep(holder, answer(body)));
        return body;
      }),
      catchError(async (error: unknown) => {
        await this.quietly('free', this.store.free(holder));
        throw error;
      }),
      finalize(() => clearInterval(renewal)),
    );
  }

  /** What the request did stands, whether or not its key could be written down: the caller is not told of a failure that was none. */
  private async quietly(what: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.log.error({ msg: `could not ${what} an idempotency key`, err: error });
    }
  }
}

/** undefined where none is sent. @throws Problem 400 for one that is too long or not visible ASCII */
function keyOf({ headers }: AuthenticatedRequest): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[!-~]{1,255}$/.test(key)) return key;
  throw badRequest([{ pointer: 'header/idempotency-key', message: 'must be 1 to 255 visible ASCII characters' }]);
}

/**
 * Keyed, for a body may hold a password, and a plain hash of it could be guessed at.
 * Of an upload only what is known before it is read: content type (its boundary differs each time) and length.
 */
function fingerprintOf({ method, url, body, headers }: AuthenticatedRequest, secret: string): Buffer {
  const [contentType = ''] = (headers['content-type'] ?? '').split(';');
  const content =
    body === undefined
      ? `${contentType.trim().toLowerCase()} ${headers['content-length'] ?? ''}`
      : JSON.stringify(body);
  return createHmac('sha256', secret).update(`${method} ${url}\n${content}`).digest();
}

const keptHeaders = ['location', 'etag'];

function answerOf(reply: FastifyReply, body: unknown, { store }: IdempotentOptions): KeptAnswer {
  const withheld = store === 'nothing';
  const headers = keptHeaders.flatMap((name) => {
    const value = reply.getHeader(name);
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers),
    body: withheld || body === undefined ? null : JSON.stringify(body),
    withheld,
  };
}

function replay(reply: FastifyReply, answer: KeptAnswer): unknown {
  if (answer.withheld) throw withheldAnswer(answer.headers);
  void reply.status(answer.status).headers({ ...answer.headers, 'idempotency-replayed': 'true' });
  return answer.body === null ? undefined : (JSON.parse(answer.body) as unknown);
}

const keyReused = () =>
  new Problem(
    422,
    'idempotency_key_reused',
    'This Idempotency-Key belongs to another request: take a fresh key for each.',
    { errors: [{ pointer: 'header/idempotency-key', message: 'was sent before with another path or body' }] },
  );

const inProgress = () =>
  new Problem(409, 'request_in_progress', 'The request with this Idempotency-Key is still under way.', {
    headers: { 'retry-after': '1' },
  });

const withheldAnswer = (headers: Record<string, string>) =>
  new Problem(
    409,
    'already_done',
    'This request has been carried out. Its answer held a secret and was not kept: delete what it made and create it anew.',
    { headers },
  );
