import { createHash } from 'node:crypto';
import { badRequest } from '../platform/http/index.js';

/**
 * The caller's Idempotency-Key with a hash of what it asks for, so that the same key with another body can be refused.
 * @throws Problem 400 for a key that no column could hold.
 */
export function idempotencyOf(key: string | undefined, body: object): { key: string; bodyHash: string } | undefined {
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = 'must be 1 to 255 visible ASCII characters, such as a UUID';
    throw badRequest([{ pointer: 'header/idempotency-key', message }]);
  }
  return { key, bodyHash: createHash('sha256').update(canonicalJson(body)).digest('hex') };
}

/** JSON whose text does not depend on the order in which the keys came. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
