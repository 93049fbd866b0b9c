import { checkDestination, checkHeaders } from './destination.js';
import { OutgoingRefused } from './refusals.js';

const rules = {
  hosts: ['api.example.com', 'example.com:8443', '10.0.0.1', '[::1]', '8.8.8.8'],
  mend: 'ask the operator',
  unsafe: false,
};
function refusal(work: () => unknown): OutgoingRefused | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof OutgoingRefused) return error;
    throw error;
  }
  return undefined;
}

describe('a destination', () => {
  it.each([
    ['https://api.example.com/a?b=c#d'],
    ['https://API.example.com:443/'],
    ['https://example.com:8443/'],
    ['https://8.8.8.8/'],
  ])('%s is allowed by its exact host', (url) => {
    expect(checkDestination(url, rules).href).toMatch(/^https:/);
  });

  it.each([
    ['', 'url'],
    ['/path', 'url'],
    ['https://', 'url'],
    ['http://api.example.com/', 'scheme'],
    ['ftp://api.example.com/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['https://user:pw@api.example.com/', 'credentials'],
    ['https://api.example.com@evil.test/', 'credentials'],
    ['https://evil.test/', 'host'],
    ['https://api.example.com.evil.test/', 'host'],
    ['https://sub.api.example.com/', 'host'],
    ['https://api.example.com./', 'host'],
    ['https://api.example.com:8443/', 'host'],
    ['https://example.com/', 'host'],
    ['https://evil.test/?https://api.example.com', 'host'],
    ['https://10.0.0.1/', 'address'],
    ['https://167772161/', 'address'], // 10.0.0.1 as one number
    ['https://0x0a.1/', 'address'],
    ['https://[::1]/', 'address'],
  ])('%s is refused: %s', (url, reason) => {
    expect(refusal(() => checkDestination(url, rules))?.refusal).toBe(reason);
  });

  it('is refused with the mend, and without what may be secret in it', () => {
    const { message } = refusal(() => checkDestination('https://evil.test/path?token=abc', rules))!;
    expect(message).toBe('names the host evil.test, which is not allowed: ask the operator');
  });

  it('may be plain http and private in trials, but still has to be on the list', () => {
    const unsafe = { ...rules, hosts: ['127.0.0.1:8080'], unsafe: true };
    expect(checkDestination('http://127.0.0.1:8080/', unsafe).port).toBe('8080');
    expect(refusal(() => checkDestination('http://127.0.0.1:8081/', unsafe))?.refusal).toBe('host');
  });
});

describe('headers', () => {
  it('pass as they are', () => {
    expect(refusal(() => checkHeaders({ 'x-a': 'b', authorization: 'Bearer é' }))).toBeUndefined();
  });

  it.each([
    ['x-a', 'b\r\nhost: evil'],
    ['x-a', 'b\u0000'],
    ['x-a', 'ключ'],
    ['x a', 'b'],
    ['', 'b'],
    ['x\r\ny', 'b'],
    ['Host', 'evil.test'],
    ['content-length', '1'],
    ['Transfer-Encoding', 'chunked'],
    ['Proxy-Authorization', 'Basic x'],
  ])('%j with %j are refused', (name, value) => {
    const refused = refusal(() => checkHeaders({ [name]: value }));
    expect(refused?.refusal).toBe('header');
    expect(refused?.message).not.toContain(value);
  });
});
