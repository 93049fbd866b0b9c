import { DiscardJob, RetryAfter } from '@carillon/job-engine';
import { headerProblems, type HttpRequestResult, refuseUnexpected, resultOf, traceParentOf } from './http-exchange.js';

const now = Date.parse('2026-11-22T05:00:00Z');
const result = (status: number, headers: Record<string, string> = {}): HttpRequestResult => ({
  status,
  headers,
  bodyExcerpt: '',
  truncated: false,
});
function outcome(status: number, headers: Record<string, string> = {}, expected?: number[]): unknown {
  try {
    refuseUnexpected(result(status, headers), expected, 'GET https://a.example', now);
  } catch (error) {
    return error;
  }
  return 'done';
}
const answer = (body: string | Buffer, headers: Record<string, string> = {}, truncated = false) => ({
  status: 200,
  headers,
  body: Buffer.from(body),
  truncated,
});

describe('the answer', () => {
  it.each([200, 201, 204, 299])('%i is done where nothing else is expected', (status) => {
    expect(outcome(status)).toBe('done');
  });

  it('is done only where it is expected', () => {
    expect([outcome(404, {}, [200, 404]), outcome(302, {}, [302])]).toEqual(['done', 'done']);
    expect(outcome(200, {}, [204])).toMatchObject({ message: 'GET https://a.example answered 200, not 204' });
  });

  it.each([400, 401, 404, 409, 410, 422])('%i is not tried again', (status) => {
    expect(outcome(status)).toBeInstanceOf(DiscardJob);
    expect(outcome(status)).toMatchObject({ code: `http_${status}`, data: { status } });
  });

  it.each([301, 302, 307, 308])('%i is a redirect that nobody follows', (status) => {
    expect(outcome(status)).toBeInstanceOf(DiscardJob);
    expect(outcome(status)).toMatchObject({ code: 'redirected' });
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again by the usual backoff', (status) => {
    const error = outcome(status);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(DiscardJob);
    expect(error).not.toBeInstanceOf(RetryAfter);
  });

  it.each([
    ['7', 7_000],
    [' 120 ', 120_000],
    ['Sun, 22 Nov 2026 05:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 04:00:00 GMT', 0],
    ['999999999', 86_400_000],
  ])('with Retry-After: %s is tried again after %i ms', (header, milliseconds) => {
    expect(outcome(503, { 'retry-after': header })).toBeInstanceOf(RetryAfter);
    expect(outcome(503, { 'retry-after': header })).toMatchObject({ milliseconds });
  });

  it.each(['', 'soon', '-1', '1.5', '2026-11-23'])(
    'with Retry-After: %j is tried again by the usual backoff',
    (header) => {
      expect(outcome(429, { 'retry-after': header })).not.toBeInstanceOf(RetryAfter);
    },
  );
});

describe('the result', () => {
  it('holds the beginning of a text and the headers that matter', () => {
    const headers = { 'content-type': 'text/html', 'set-cookie': 'a=b', etag: '"1"', 'x-powered-by': 'x' };
    expect(resultOf(answer('x'.repeat(5_000), headers), [])).toEqual({
      status: 200,
      headers: { 'content-type': 'text/html', etag: '"1"' },
      bodyExcerpt: 'x'.repeat(4_000),
      truncated: true,
    });
  });

  it.each([
    ['image/png', 'text'],
    ['text/plain', Buffer.from([0xff, 0xfe, 0])],
  ])('holds nothing of what is no text (%s)', (type, body) => {
    expect(resultOf(answer(body, { 'content-type': type }), []).bodyExcerpt).toBeNull();
  });

  it('takes a text that was cut within a character', () => {
    const cut = Buffer.from('aä').subarray(0, 2);
    expect(resultOf(answer(cut, { 'content-type': 'application/json' }, true), []).bodyExcerpt).toBe('a');
  });

  it('does not repeat the secrets that an answer echoes', () => {
    const echo = answer('you sent Bearer s3cr3t-token', { location: 'https://a.example/?t=s3cr3t-token' });
    expect(resultOf(echo, ['Bearer s3cr3t-token', 's3cr3t-token'])).toMatchObject({
      bodyExcerpt: 'you sent [redacted]',
      headers: { location: 'https://a.example/?t=[redacted]' },
    });
  });
});

describe('headers of a payload', () => {
  it.each(['Authorization', 'cookie', 'X-Api-Key', 'x-auth-token', 'X-Hub-Signature-256', 'client-secret'])(
    '%s is refused as a credential, and its value is not told',
    (name) => {
      const [problem] = headerProblems({ [name]: 'very-private' });
      expect(problem).toMatchObject({
        pointer: `/headers/${name}`,
        message: expect.stringContaining('HTTP_REQUEST_HEADERS'),
      });
      expect(problem!.message).not.toContain('very-private');
    },
  );

  it('takes others, if they are texts and not those of the job', () => {
    expect(headerProblems({ accept: 'text/plain', 'x-tenant': 'a' })).toEqual([]);
    expect(
      headerProblems({ 'x-a': 1, 'Idempotency-Key': 'b', traceparent: 'c' }).map(({ pointer }) => pointer),
    ).toEqual(['/headers/x-a', '/headers/Idempotency-Key', '/headers/traceparent']);
  });
});

describe('the trace', () => {
  const jobId = '019aa000-0000-7000-8000-000000000001';
  it('is that of whoever asked for the job', () => {
    const traceParent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(traceParentOf({ jobId, traceParent }, '00f067aa0ba902b7')).toBe(
      '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01',
    );
  });

  it.each([null, '', 'nonsense'])('is named by the job where there is none (%j)', (traceParent) => {
    expect(traceParentOf({ jobId, traceParent }, '00f067aa0ba902b7')).toBe(
      '00-019aa000000070008000000000000001-00f067aa0ba902b7-00',
    );
  });
});
