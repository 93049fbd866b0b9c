import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { SecretBox, type SecretPlace, SecretUnreadable } from './secret-box.js';

const place: SecretPlace = { organizationId: 'o1', table: 'channel_settings', column: 'secrets', id: 'r1' };
const key = (id: string) => ({ id, key: randomBytes(32) });

describe('SecretBox', () => {
  const [first, second] = [key('k1'), key('k2')];
  const box = new SecretBox([first, second]);

  it('opens what it sealed, any text, and never seals the same twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const sealed = box.seal(text, place);
        return box.open(sealed, place) === text && box.seal(text, place) !== sealed;
      }),
    );
  });

  it('seals with the first key and opens with any', () => {
    expect(box.seal('x', place)).toMatch(/^v1\.k1\./);
    expect(box.open(new SecretBox([second]).seal('older', place), place)).toBe('older');
  });

  it.each([['organizationId'], ['table'], ['column'], ['id']] as const)('opens at no other %s', (part) => {
    const sealed = box.seal('x', place);
    expect(() => box.open(sealed, { ...place, [part]: 'other' })).toThrow(SecretUnreadable);
  });

  it('names the key that is missing, and says when a key of that name is the wrong one', () => {
    const sealed = box.seal('geheim', place);
    expect(() => new SecretBox([second]).open(sealed, place)).toThrow(
      /sealed with key "k1".*SECRET_KEYS does not have/,
    );
    expect(() => new SecretBox([key('k1')]).open(sealed, place)).toThrow(/does not open with key "k1"/);
  });

  it('refuses an altered value at every byte', () => {
    const sealed = box.seal('geheim', place);
    const from = sealed.indexOf('.', 3) + 1;
    for (let i = from; i < sealed.length; i++) {
      if (sealed[i] === '.') continue;
      const altered = sealed.slice(0, i) + (sealed[i] === 'A' ? 'B' : 'A') + sealed.slice(i + 1);
      // the last character of a base64url part may carry unused bits
      if (
        Buffer.from(altered.split('.')[2]!, 'base64url').equals(Buffer.from(sealed.split('.')[2]!, 'base64url')) &&
        Buffer.from(altered.split('.')[3]!, 'base64url').equals(Buffer.from(sealed.split('.')[3]!, 'base64url'))
      )
        continue;
      expect(() => box.open(altered, place)).toThrow(SecretUnreadable);
    }
    expect(() => box.open('plain text', place)).toThrow(/holds no sealed secret/);
  });
});
