import fc from 'fast-check';
import { describeError, limits, storable, storableJson } from './stored-text.js';

const clean = (text: string) => !text.includes('\u0000') && !/\p{Surrogate}/u.test(text);

describe('text to be stored', () => {
  it('has no NUL, no lone surrogate, and no more than its limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 50 }), (text, max) => {
        const stored = storable(`${text}\u0000\ud800`, max);
        expect(clean(stored)).toBe(true);
        expect(stored.length).toBeLessThanOrEqual(max);
      }),
    );
  });

  it('is left as it is where nothing is wrong with it', () => {
    expect(storable('Grüße, 😀', 100)).toBe('Grüße, 😀');
  });
});

describe('JSON to be stored', () => {
  it('is cleaned in values and keys', () => {
    expect(JSON.parse(storableJson({ 'a\u0000': ['x\u0000y', '\ud800'], ok: '\\u0000' }, 1_000)!)).toEqual({
      a: ['xy', '\ufffd'],
      ok: '\\u0000',
    });
  });

  it('is null where a value has none', () => {
    expect([storableJson(undefined, 10), storableJson(() => 1, 10)]).toEqual([null, null]);
  });

  it('is refused when too long, circular or a BigInt', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(() => storableJson('x'.repeat(20), 10)).toThrow(RangeError);
    expect(() => storableJson(circle, 100)).toThrow(TypeError);
    expect(() => storableJson(1n, 100)).toThrow(TypeError);
  });
});

describe('whatever was thrown', () => {
  it.each([
    [undefined, 'thrown', 'the handler threw undefined'],
    [null, 'thrown', 'the handler threw null'],
    [42, 'thrown', 'the handler threw number 42'],
    ['no', 'thrown', 'no'],
    [{ a: 1 }, 'thrown', 'the handler threw object'],
    [new TypeError('bad'), 'TypeError', 'bad'],
    [Object.assign(new Error('gone'), { code: 'ENOENT' }), 'ENOENT', 'gone'],
  ])('%p has a code and a message', (error, code, message) => {
    expect(describeError(error)).toMatchObject({ code, message });
  });

  it('is bounded: a mebibyte of text becomes a page', () => {
    const { message } = describeError(new Error(`\u0000${'x'.repeat(1_048_576)}`));
    expect(message.length).toBeLessThanOrEqual(limits.message);
    expect(clean(message)).toBe(true);
  });
});
