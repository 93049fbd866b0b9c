import { limitOf } from './request-limits.js';

it.each([
  ['GET', null, null],
  ['HEAD', null, null],
  ['POST', null, 'mutations'],
  ['PUT', null, 'mutations'],
  ['PATCH', null, 'mutations'],
  ['DELETE', null, 'mutations'],
  ['PUT', 'settings', 'settings'],
  ['GET', 'imports', 'imports'],
  ['POST', 'unlimited', null],
] as const)('a %s with the limit %s falls under %s', (method, rateLimit, expected) => {
  expect(limitOf(method, { rateLimit })).toBe(expected);
});
