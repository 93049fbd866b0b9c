import { credentialsOf } from './credentials.js';

describe('credentials', () => {
  it.each([
    [{ authorization: 'Bearer abc.def' }, { kind: 'accessToken', token: 'abc.def' }],
    [{ authorization: 'bearer  abc' }, { kind: 'accessToken', token: 'abc' }],
    [{ authorization: 'Bearer ck_x' }, { kind: 'apiKey', key: 'ck_x' }],
    [{ 'x-api-key': 'ck_x' }, { kind: 'apiKey', key: 'ck_x' }],
    [
      { authorization: 'Bearer abc', 'x-api-key': 'ck_x' },
      { kind: 'accessToken', token: 'abc' },
    ],
    [{ authorization: 'Basic abc' }, null],
    [{ authorization: 'Bearer' }, null],
    [{ authorization: 'Bearer two words' }, null],
    [{}, null],
  ])('%j is %j', (headers, expected) => {
    expect(credentialsOf(headers)).toEqual(expected);
  });
});
