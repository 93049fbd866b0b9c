import fc from 'fast-check';
import { slugOf } from './slug.js';

describe('slugOf', () => {
  it.each([
    ['Acme Foundry', 'acme-foundry'],
    ['Café Zoë & Söhne', 'cafe-zoe-sohne'],
    ['  --x--  ', 'x'],
    ['株式会社', 'organization'],
    ['', 'organization'],
  ])('makes %j into %s', (name, slug) => {
    expect(slugOf(name)).toBe(slug);
  });

  it('always gives what the database takes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        expect(slugOf(name)).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
      }),
    );
  });
});
