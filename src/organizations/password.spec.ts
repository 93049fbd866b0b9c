import { hashPassword, oneTimePassword, passwordMatches } from './password.js';

describe('passwords', () => {
  it('match their argon2id hash, in whichever Unicode form they are typed', async () => {
    const hash = await hashPassword('pass\u00e9 compos\u00e9');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwordMatches(hash, 'passe\u0301 compose\u0301')).toBe(true);
    expect(await passwordMatches(hash, 'passe compose')).toBe(false);
  });

  it('match nothing where there is no hash', async () => {
    expect(await passwordMatches(null, '')).toBe(false);
    expect(await passwordMatches(undefined, 'anything')).toBe(false);
  });

  it('are made of 24 letters that nobody confuses', () => {
    expect(oneTimePassword()).toMatch(/^([a-kmnp-z2-9]{6}-){3}[a-kmnp-z2-9]{6}$/);
    expect(new Set(Array.from({ length: 100 }, () => oneTimePassword())).size).toBe(100);
  });
});
