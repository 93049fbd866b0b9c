import fc from 'fast-check';
import { canonicalJson, idempotencyOf } from './idempotency.js';

describe('idempotencyOf', () => {
  it('gives the same hash to the same body in whatever order its keys came', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (body) => {
        const reversed = Object.fromEntries(Object.entries(body).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(body));
        expect(JSON.parse(canonicalJson(body))).toEqual(JSON.parse(JSON.stringify(body)));
      }),
    );
  });

  it('tells bodies apart by their instants', () => {
    const hashOf = (runAt: Date) => idempotencyOf('key', { runAt })!.bodyHash;
    expect(hashOf(new Date(0))).not.toBe(hashOf(new Date(1)));
  });

  it.each(['', 'two words', 'ü', 'x'.repeat(256)])('refuses the key %j', (key) => {
    expect(() => idempotencyOf(key, {})).toThrow(expect.objectContaining({ status: 400 }));
  });
});
