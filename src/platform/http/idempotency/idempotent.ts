import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';

export const idempotencyMetadata = 'carillon:idempotent';

export interface IdempotentOptions {
  /**
   * `answer` (default): status, body and Location are kept for 24 hours and given again.
   * `nothing`: for answers that hold a secret. A repetition is refused with 409 `already_done` (and the Location), so
   * that nothing is created twice and the secret is at rest nowhere.
   */
  store?: 'answer' | 'nothing';
}

/**
 * A POST that creates honours `Idempotency-Key`: repeated with the same key by the same caller, it is carried out once.
 *
 * - same method, URL and body: the first answer again, with `Idempotency-Replayed: true`
 * - anything else under the same key: 422 `idempotency_key_reused`
 * - the first one still under way: 409 `request_in_progress` with Retry-After
 * - what failed (any 4xx or 5xx) created nothing and frees the key at once; a process that died frees it after a minute
 *
 * An upload is streamed, so it cannot be hashed beforehand: its length and content type stand for its content.
 * Between the commit of the handler's transaction and the keeping of its answer lies a moment in which a crash leaves
 * a thing created and the key free again; where that matters, give the thing itself a unique key (as jobs do).
 */
export const Idempotent = (options: IdempotentOptions = {}) =>
  applyDecorators(
    SetMetadata(idempotencyMetadata, { store: options.store ?? 'answer' }),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'Carries the request out once, however often it is sent within 24 hours.',
      schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
    }),
  );
