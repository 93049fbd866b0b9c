import { withoutSecrets } from './redaction.js';

describe('withoutSecrets', () => {
  const url = 'https://hooks.slack.com/services/T0/B0/abcdefgh';
  it.each([
    ['535 no login for geheim!1', ['geheim!1'], '535 no login for [secret]'],
    [`seen ${Buffer.from('geheim!1').toString('base64')}`, ['geheim!1'], 'seen [secret]'],
    ['q=geheim%261', ['geheim&1'], 'q=[secret]'],
    [`POST ${url} and /services/T0/B0/abcdefgh`, [url], 'POST [secret] and [secret]'],
    ['250 ok', ['ok'], '250 ok'],
    ['250 ok', [], '250 ok'],
  ])('%s', (text, secrets, expected) => {
    expect(withoutSecrets(text, secrets)).toBe(expected);
  });
});
