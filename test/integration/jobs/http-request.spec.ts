/** Jobs that call a URL, against a real server of this machine. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { JobQueue } from '../../../src/platform/queue/index.js';
import { OutgoingHttp } from '../../../src/platform/outgoing-http/index.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { eventually, jobOnce } from './test-jobs.js';

const secret = 'canary-7c1d9f-of-the-operator';
const headerValue = 'canary-31aa02-of-the-payload';

type Route = (request: IncomingMessage & { text: string }, response: ServerResponse) => void;
const routes = new Map<string, Route>();
const sockets = new Set<Socket>();
let server: http.Server;
let host: string;
let t: TestApp;

beforeAll(async () => {
  server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => routes.get(request.url!)!(Object.assign(request, { text }), response));
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  t = await createTestApp({
    worker: true,
    environment: {
      OUTGOING_UNSAFE: 'true',
      HTTP_REQUEST_ALLOWED_HOSTS: `${host},127.0.0.1:9`,
      HTTP_REQUEST_HEADERS: JSON.stringify({ [host]: { Authorization: `Bearer ${secret}` } }),
    },
  });
});
afterAll(async () => {
  await t.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const ask = (payload: object, more: object = {}) =>
  t
    .as('SystemAdmin')
    .request('POST', '/api/system/background-jobs', { body: { jobType: 'http.request', payload, ...more } });
async function run(path: string, route: Route, payload: object = {}, more: object = {}): Promise<string> {
  routes.set(path, route);
  const { status, body } = await ask({ url: `http://${host}${path}`, method: 'GET', ...payload }, more);
  expect([status, body]).toEqual([202, expect.anything()]);
  return body.id as string;
}
const job = (id: string, status: string) => jobOnce(t.as('SystemAdmin'), id, status);

describe('a job of the type http.request', () => {
  it('sends what it is told, so that the other side knows the job again, and keeps the answer', async () => {
    let seen: (IncomingMessage & { text: string }) | undefined;
    const id = await run(
      '/made',
      (request, response) => {
        seen = request;
        response.writeHead(201, { 'content-type': 'application/json', 'set-cookie': 'a=b' });
        response.end(JSON.stringify(request.headers));
      },
      { method: 'POST', body: { n: 1 }, headers: { 'X-Note': headerValue } },
    );
    const { result } = await job(id, 'completed');
    expect(seen).toMatchObject({
      text: '{"n":1}',
      headers: {
        'content-type': 'application/json',
        'x-note': headerValue,
        authorization: `Bearer ${secret}`,
        'idempotency-key': id,
        'x-carillon-job': id,
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/),
      },
    });
    expect(result).toMatchObject({ status: 201, headers: { 'content-type': 'application/json' }, truncated: false });
    expect(result.headers).not.toHaveProperty('set-cookie');
    expect(JSON.parse(result.bodyExcerpt)).toMatchObject({ authorization: '[redacted]', 'x-carillon-job': id });
  });

  it('is not tried again after a 404, and shows the answer', async () => {
    const id = await run('/missing?token=abc', (_, response) => response.writeHead(404).end('no such report'));
    expect(await job(id, 'failed')).toMatchObject({
      errorCode: 'http_404',
      errorMessage: `GET http://${host} answered 404`,
      result: { status: 404, bodyExcerpt: 'no such report' },
      attempts: [{ outcome: 'discarded' }],
    });
  });

  it('is tried again when the server asks for it, at the time that it names', async () => {
    let calls = 0;
    const keys = new Set<unknown>();
    const id = await run('/busy', (request, response) => {
      keys.add(request.headers['idempotency-key']);
      if (++calls === 1) response.writeHead(503, { 'retry-after': '1' }).end();
      else response.end('now');
    });
    const ended = await job(id, 'completed');
    const [first, second] = ended.attempts;
    expect([first.errorCode, ended.attempts.length, [...keys]]).toEqual(['retry_after', 2, [id]]);
    expect(Date.parse(second.startedAt) - Date.parse(first.startedAt)).toBeGreaterThanOrEqual(1_000);
  });

  it.each<[string, number, string, Route]>([
    ['500', 0, 'answered 500', (_, response) => response.writeHead(500).end()],
    ['429', 0, 'answered 429', (_, response) => response.writeHead(429).end()],
    ['a connection that breaks off', 0, 'could not be reached or broke off', (request) => request.socket.destroy()],
    ['silence', 1, 'did not answer within 1000 ms', () => {}],
  ])('fails as an attempt that may be repeated after %s', async (name, timeoutSeconds, message, route) => {
    const id = await run(`/${encodeURIComponent(name)}`, route, timeoutSeconds ? { timeoutSeconds } : {}, {
      maxRetries: 0,
    });
    expect(await job(id, 'failed')).toMatchObject({
      errorMessage: expect.stringContaining(message),
      attempts: [{ outcome: 'failed' }],
    });
  });

  it('fails where nobody listens', async () => {
    const { body } = await ask({ url: 'http://127.0.0.1:9/', method: 'GET' }, { maxRetries: 0 });
    expect(await job(body.id, 'failed')).toMatchObject({ errorMessage: expect.stringContaining('ECONNREFUSED') });
  });

  it('follows no redirect', async () => {
    let reached = false;
    routes.set('/target', (_, response) => {
      reached = true;
      response.end();
    });
    const id = await run('/moved', (_, response) => response.writeHead(302, { location: '/target' }).end());
    expect(await job(id, 'failed')).toMatchObject({
      errorCode: 'redirected',
      result: { status: 302, headers: { location: '/target' } },
    });
    expect(reached).toBe(false);
  });

  it('keeps the beginning of a huge answer', async () => {
    const id = await run('/huge', (_, response) => response.end('x'.repeat(5_000_000)));
    const { result } = await job(id, 'completed');
    expect([result.bodyExcerpt.length, result.truncated]).toEqual([4_000, true]);
  });

  it('hangs up when it is cancelled', async () => {
    let closed = false;
    let called = false;
    const id = await run('/hangs', (request) => {
      called = true;
      request.socket.on('close', () => (closed = true));
    });
    await eventually(async () => called, Boolean);
    await t.as('SystemAdmin').request('POST', `/api/system/background-jobs/${id}/cancel`);
    await job(id, 'cancelled');
    await eventually(async () => closed, Boolean);
  });

  it('does not run what is no longer allowed', async () => {
    const request = { jobType: 'http.request', payload: { url: 'https://elsewhere.example/', method: 'GET' } };
    const { id } = await t.app.get(JobQueue).enqueueNow({ organizationId: t.organizations.A, ...request });
    expect(await job(id, 'failed')).toMatchObject({
      errorCode: 'invalid_payload',
      errorMessage: expect.stringContaining('names the host elsewhere.example, which is not allowed'),
      attempts: [{ outcome: 'discarded' }],
    });
  });

  it('leaves no credential behind, and a header of the payload in the payload alone', async () => {
    const { rows } = await t.db.owner.query<{ text: string }>(
      `select (to_jsonb(b) - 'payload')::text text from background_jobs b union all select l::text from job_log_entries l
       union all select a::text from job_attempts a union all select e::text from events e`,
    );
    expect(rows.length).toBeGreaterThan(15);
    expect(rows.filter(({ text }) => text.includes(secret))).toEqual([]);
    // the server of the first test echoed it: an answer is an answer, but nothing of ours repeats it
    expect(rows.filter(({ text }) => text.includes(headerValue) && !text.includes('bodyExcerpt'))).toEqual([]);
    const { rows: payloads } = await t.db.owner.query(
      `select from background_jobs where payload::text like '%${secret}%'`,
    );
    expect(payloads).toEqual([]);
  });
});

describe('asking for one', () => {
  it.each([
    [
      { url: 'https://api.example.com/', method: 'GET' },
      '/payload/url',
      /api\.example\.com, which is not allowed: the operator lists/,
    ],
    [{ url: 'ftp://x/', method: 'GET' }, '/payload/url', /must begin with https/],
    [{ url: 'nonsense', method: 'GET' }, '/payload/url', /no absolute URL/],
    [{ url: 'http://u:p@127.0.0.1:9/', method: 'GET' }, '/payload/url', /must not hold a name or password/],
    [{ url: 'http://127.0.0.1:9/', method: 'FETCH' }, '/payload/method', /one of/],
    [{ url: 'http://127.0.0.1:9/', method: 'GET', body: 'x' }, '/payload/body', /does not go with GET/],
    [
      { url: 'http://127.0.0.1:9/', method: 'GET', headers: { authorization: secret } },
      '/payload/headers/authorization',
      /HTTP_REQUEST_HEADERS/,
    ],
    [
      { url: 'http://127.0.0.1:9/', method: 'GET', headers: { 'x-a': 'b\r\nc: d' } },
      '/payload/headers',
      /x-a has a value/,
    ],
    [{ url: 'http://127.0.0.1:9/', method: 'GET', headers: { host: 'a' } }, '/payload/headers', /set by the client/],
    [{ url: 'http://127.0.0.1:9/', method: 'GET', timeoutSeconds: 301 }, '/payload/timeoutSeconds', /300/],
    [{ url: 'http://127.0.0.1:9/', method: 'GET', expectStatus: [42] }, '/payload/expectStatus', /200/],
  ])('with %j is refused', async (payload, pointer, message) => {
    const { status, body } = await ask(payload);
    expect([status, body.errors]).toEqual([422, [{ pointer, message: expect.stringMatching(message) }]]);
    expect(JSON.stringify(body)).not.toContain(secret);
  });

  it('is refused with the mend where no host is allowed, and for a name that leads inside', async () => {
    const inside = new OutgoingHttp({ unsafe: false, lookup: async () => [{ address: '10.0.0.7', family: 4 }] });
    const none = await createTestApp({ database: t.db, population: t });
    const guarded = await createTestApp({
      database: t.db,
      population: t,
      environment: { HTTP_REQUEST_ALLOWED_HOSTS: 'intranet.example' },
      providers: [[OutgoingHttp, inside]],
    });
    try {
      const refusal = async (app: TestApp) => {
        const body = { jobType: 'http.request', payload: { url: 'https://intranet.example/', method: 'GET' } };
        const answer = await app.as('SystemAdmin').request('POST', '/api/system/background-jobs', { body });
        return [answer.status, ...answer.body.errors];
      };
      expect(await refusal(none)).toEqual([
        422,
        {
          pointer: '/payload/url',
          message:
            'names the host intranet.example, which is not allowed: no host is; the operator lists them in HTTP_REQUEST_ALLOWED_HOSTS',
        },
      ]);
      expect(await refusal(guarded)).toEqual([
        422,
        { pointer: '/payload/url', message: expect.stringContaining('intranet.example is at 10.0.0.7 (private)') },
      ]);
    } finally {
      await none.close();
      await guarded.close();
    }
  });
});
