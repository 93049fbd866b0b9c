/** The guarded client against real servers of this machine, and names that lead where they should not. */
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Lookup,
  mostRead,
  OutgoingFailed,
  OutgoingHttp,
  type OutgoingRequest,
  OutgoingRefused,
} from '../../../src/platform/outgoing-http/index.js';
import { eventually } from '../../support/eventually.js';
import { testCertificate } from '../../support/test-certificate.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Counts connections, not requests: a refused address must not even be knocked at. */
async function listen(server: Server): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    connections += 1;
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}
const serve = (listener: RequestListener) => listen(http.createServer(listener));

function client(options: ConstructorParameters<typeof OutgoingHttp>[0]): OutgoingHttp {
  const made = new OutgoingHttp(options);
  closers.push(() => made.close());
  return made;
}
const trusting = () => client({ unsafe: true });
const at =
  (...found: string[]): Lookup =>
  async () =>
    found.map((address) => ({ address, family: net.isIP(address) }));

function callTo(url: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { url, method: 'GET', hosts: [new URL(url).host], mend: 'ask', deadlineMs: 5_000, ...more };
}
async function failure(promise: Promise<unknown>): Promise<OutgoingRefused | OutgoingFailed> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof OutgoingRefused || error instanceof OutgoingFailed) return error;
  throw new Error(`neither refused nor failed: ${String(error)}`);
}

describe('an outgoing call', () => {
  it('sends what it is given and brings the answer', async () => {
    let seen: { request: IncomingMessage; body: string } | undefined;
    const { port } = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen = { request, body };
        response.writeHead(201, { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }).end('made');
      });
    });
    const answer = await trusting().send(
      callTo(`http://127.0.0.1:${port}/a?b=c`, { method: 'POST', body: '{"ä":1}', headers: { 'x-test': 'yes' } }),
    );
    expect(answer).toMatchObject({ status: 201, headers: { 'content-type': 'text/plain', 'set-cookie': 'a=1, b=2' } });
    expect([answer.body.toString(), answer.truncated]).toEqual(['made', false]);
    expect(seen).toMatchObject({ body: '{"ä":1}', request: { url: '/a?b=c', method: 'POST' } });
    expect(seen!.request.headers).toMatchObject({ 'x-test': 'yes', 'accept-encoding': 'identity' });
  });

  it('answers a redirect as it is and goes nowhere', async () => {
    const target = await serve((_, response) => response.end('reached'));
    const { port } = await serve((_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end(),
    );
    expect(await trusting().send(callTo(`http://127.0.0.1:${port}/`))).toMatchObject({ status: 302 });
    expect(target.connections()).toBe(0);
  });

  it('reads 64 KiB of a huge answer and hangs up', async () => {
    let hungUp = false;
    const { port } = await serve((_, response) => {
      response.on('close', () => (hungUp = !response.writableFinished));
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
        response.once('drain', more);
      };
      more();
    });
    const answer = await trusting().send(callTo(`http://127.0.0.1:${port}/`));
    expect([answer.body.length, answer.truncated]).toEqual([mostRead, true]);
    await eventually(async () => hungUp || undefined);
  });

  it('takes an answer of exactly 64 KiB for whole', async () => {
    const { port } = await serve((_, response) => response.end(Buffer.alloc(mostRead)));
    const answer = await trusting().send(callTo(`http://127.0.0.1:${port}/`));
    expect([answer.body.length, answer.truncated]).toEqual([mostRead, false]);
  });

  it.each<[string, RequestListener]>([
    ['never answers', () => {}],
    [
      'answers drop by drop',
      (_, response) => {
        const drops = setInterval(() => response.write('.'), 20);
        response.on('close', () => clearInterval(drops));
      },
    ],
  ])('is given up at its deadline when the server %s', async (_, listener) => {
    const { port } = await serve(listener);
    expect(await failure(trusting().send(callTo(`http://127.0.0.1:${port}/`, { deadlineMs: 150 })))).toMatchObject({
      code: 'timeout',
      message: `http://127.0.0.1:${port} did not answer within 150 ms`,
    });
  });

  it('is given up at its deadline when the name takes too long', async () => {
    const slow = client({ unsafe: true, lookup: () => delay(60_000, [], { ref: false }) });
    expect(await failure(slow.send(callTo('http://slow.test/', { deadlineMs: 100 })))).toMatchObject({
      code: 'timeout',
    });
  });

  it('ends with the reason of its signal', async () => {
    const { port, connections } = await serve(() => {});
    const stop = new AbortController();
    const sent = trusting().send(callTo(`http://127.0.0.1:${port}/`, { signal: stop.signal }));
    const outcome = sent.catch((error: unknown) => error);
    await eventually(async () => connections() === 1 || undefined);
    const reason = new Error('cancelled by a person');
    stop.abort(reason);
    expect(await outcome).toBe(reason);
  });

  it('tells a refused connection from a broken one, and neither with the path', async () => {
    const broken = await listen(net.createServer((socket) => socket.destroy()));
    const gone = await listen(net.createServer());
    await closers.pop()!();
    const codes = [];
    for (const { port } of [gone, broken]) {
      const failed = await failure(trusting().send(callTo(`http://127.0.0.1:${port}/secret?token=abc`)));
      expect(failed.message).not.toMatch(/secret|token/);
      codes.push((failed as OutgoingFailed).code);
    }
    expect(codes).toEqual(['ECONNREFUSED', expect.stringMatching(/^(UND_ERR_SOCKET|ECONNRESET)$/)]);
  });

  it('opens a connection of its own each time', async () => {
    const { port, connections } = await serve((_, response) => response.end());
    const one = trusting();
    for (let i = 0; i < 3; i++) await one.send(callTo(`http://127.0.0.1:${port}/`));
    expect(connections()).toBe(3);
  });
});

describe('a name', () => {
  it.each([
    ['127.0.0.1'],
    ['10.1.2.3'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::'],
  ])('that leads to %s is refused before anything is sent', async (address) => {
    const guarded = client({ unsafe: false, lookup: at(address) });
    const refused = { refusal: 'address', message: expect.stringContaining(address) };
    expect(await failure(guarded.send(callTo('https://inside.test/')))).toMatchObject(refused);
    expect(await failure(guarded.check('https://inside.test/', callTo('https://inside.test/')))).toMatchObject(refused);
  });

  it('is refused for one private address among public ones', async () => {
    const guarded = client({ unsafe: false, lookup: at('93.184.216.34', '10.0.0.1') });
    expect(await failure(guarded.send(callTo('https://mixed.test/')))).toMatchObject({ refusal: 'address' });
  });

  it('that answers a private address once it has been checked is refused when it is called', async () => {
    const { port, connections } = await serve((_, response) => response.end('inside'));
    const answers = ['93.184.216.34', '127.0.0.1'];
    const guarded = client({ unsafe: false, lookup: (name) => at(answers.shift()!)(name) });
    const url = `https://rebind.test:${port}/`;
    await guarded.check(url, callTo(url));
    expect(await failure(guarded.send(callTo(url)))).toMatchObject({ refusal: 'address' });
    expect(connections()).toBe(0);
  });

  it('is looked up once for each call, and the call goes to that very address', async () => {
    const { port, connections } = await serve((_, response) => response.end('here'));
    const answers = ['127.0.0.1', '127.255.255.1'];
    const asked: string[] = [];
    const pinned = client({
      unsafe: true,
      lookup: (name) => {
        asked.push(name);
        return at(answers.shift()!)(name);
      },
    });
    const answer = await pinned.send(callTo(`http://nowhere.test:${port}/`));
    expect([answer.body.toString(), asked, connections()]).toEqual(['here', ['nowhere.test'], 1]);
  });

  it('keeps its part in TLS: the certificate is that of the name, not of the address', async () => {
    const { name, key, cert } = testCertificate;
    const { port } = await listen(https.createServer({ key, cert }, (_, response) => response.end('safe')));
    const trusted = client({ unsafe: true, lookup: at('127.0.0.1'), ca: cert });
    const answer = await trusted.send(callTo(`https://${name}:${port}/`));
    expect(answer.body.toString()).toBe('safe');
    expect(await failure(trusted.send(callTo(`https://other.test:${port}/`)))).toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const suspicious = client({ unsafe: true, lookup: at('127.0.0.1') });
    expect(await failure(suspicious.send(callTo(`https://${name}:${port}/`)))).toBeInstanceOf(OutgoingFailed);
  });

  it('that nobody knows passes the check, and fails the call', async () => {
    const lookup = () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    const guarded = client({ unsafe: false, lookup });
    await guarded.check('https://later.test/', callTo('https://later.test/'));
    expect(await failure(guarded.send(callTo('https://later.test/')))).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('has to be on the list of whoever calls', async () => {
    const guarded = client({ unsafe: false, lookup: at('93.184.216.34') });
    const call = callTo('https://other.test/', { hosts: ['api.test'], mend: 'add it to THE_LIST' });
    const refused = { refusal: 'host', message: 'names the host other.test, which is not allowed: add it to THE_LIST' };
    expect(await failure(guarded.send(call))).toMatchObject(refused);
    expect(await failure(guarded.check(call.url, call))).toMatchObject(refused);
  });
});
