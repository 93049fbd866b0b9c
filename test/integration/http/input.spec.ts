import http from 'node:http';
import net from 'node:net';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { IsObject, IsOptional, IsString } from 'class-validator';
import { type Answer, type SmallApp, startSmallApp } from './small-app.js';

class Parcel {
  @IsOptional() @IsString() title?: string;
  @IsOptional() @IsObject() payload?: object;
}

@Controller()
class Intake {
  @Post('parcels') take(@Body() body: Parcel) {
    return body;
  }
  @Get('ping') ping() {
    return {};
  }
}

const megabyte = 1_048_576;

describe('input', () => {
  let small: SmallApp;
  beforeAll(async () => {
    small = await startSmallApp([Intake]);
  });
  afterAll(() => small.close());

  /** Streams `bytes` of body as fast as the server takes them; answers its status and text. */
  function stream(path: string, bytes: number, headers: Record<string, string | number>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request(`${small.url}${path}`, { method: 'POST', headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: new Headers(), body: JSON.parse(text) }),
        );
      });
      request.on('error', reject);
      const chunk = Buffer.alloc(65_536, 0x20);
      let left = bytes;
      const push = () => {
        while (left > 0) {
          left -= chunk.length;
          if (request.write(chunk)) continue;
          request.once('drain', push);
          return;
        }
        request.end();
      };
      push();
    });
  }

  it.each([
    ['with a length', { 'content-length': 50 * megabyte }],
    ['in chunks', {}],
  ])('answers 413 to ten times 50 MB of JSON %s, and holds little of it at any time', async (_, headers) => {
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 5);
    const type = { 'content-type': 'application/json' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => stream('/parcels', 50 * megabyte, { ...type, ...headers })),
    );
    clearInterval(watch);
    for (const { status, body } of answers) expect([status, body.code]).toEqual([413, 'payload_too_large']);
    // what the collector has not fetched yet counts too: buffers of 64 KiB that nobody holds
    expect(peak - before).toBeLessThan(150 * megabyte);
  });

  it('lets the caller read why a body was refused before it was read', async () => {
    const csv = await stream('/parcels', 8 * megabyte, { 'content-type': 'text/csv' });
    expect([csv.status, csv.body.code]).toEqual([415, 'unsupported_media_type']);
    const form = await stream('/parcels', 8 * megabyte, { 'content-type': 'multipart/form-data; boundary=x' });
    expect([form.status, form.body.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('takes a body of exactly 1 MiB and none that is a byte longer', async () => {
    const fitting = JSON.stringify({ title: 'x'.repeat(megabyte - '{"title":""}'.length) });
    expect((await small.call('POST', '/parcels', fitting)).status).toBe(201);
    expect((await small.call('POST', '/parcels', `${fitting} `)).status).toBe(413);
  });

  it.each([
    ['a depth of 10,000', `{"payload":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['100,000 keys', `{"payload":{${Array.from({ length: 100_000 }, (_, i) => `"${i}":0`).join(',')}}}`],
    ['__proto__', '{"payload":{"__proto__":{"admin":true}}}'],
    ['constructor', '{"payload":{"constructor":{"prototype":{}}}}'],
    ['duplicate keys', '{"title":"a","title":"b"}'],
    ['NUL', '{"title":"a\\u0000"}'],
    ['a lone surrogate', '{"title":"\\ud800"}'],
    ['broken JSON', '{"title":'],
    ['two values', '{} {}'],
    ['a byte order mark', '\ufeff{}'],
  ])('answers 400 to %s', async (_, text) => {
    const { status, headers, body } = await small.call('POST', '/parcels', text);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body.code).toMatch(/^invalid_(json|request)$/);
  });

  it('answers 413 to a million keys', async () => {
    const text = `{"payload":{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`).join(',')}}}`;
    expect((await small.call('POST', '/parcels', text)).status).toBe(413);
  });

  it.each(['toString', 'valueOf', 'hasOwnProperty', 'prototype', '__defineGetter__'])(
    'refuses the name %s, which would be lost on the way, instead of losing it',
    async (name) => {
      const { status, body } = await small.call('POST', '/parcels', `{"payload":{"${name}":1}}`);
      expect([status, body.errors[0].pointer]).toEqual([400, `/payload/${name}`]);
    },
  );

  it('takes other names that look odd, as they are', async () => {
    const payload = '{"payload":{"length":-1,"name":{},"then":3,"":4,"$ref":[]}}';
    const { status, body } = await small.call('POST', '/parcels', payload);
    expect([status, body]).toEqual([201, JSON.parse(payload)]);
  });

  it('answers 400 to bytes that are no UTF-8', async () => {
    const response = await fetch(`${small.url}/parcels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.concat([Buffer.from('{"title":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]),
    });
    expect(response.status).toBe(400);
  });

  it.each([
    ['application/json; charset=latin1'],
    ['application/json;charset="utf-16"'],
    ['application/x-www-form-urlencoded'],
    ['text/plain'],
    ['application/xml'],
    ['application/jsonx'],
    ['nonsense'],
  ])('answers 415 to %s', async (contentType) => {
    const { status, body } = await small.call('POST', '/parcels', '{}', { 'content-type': contentType });
    expect([status, body.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('answers 415 to a compressed body', async () => {
    expect((await small.call('POST', '/parcels', '{}', { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it.each(['application/json; charset=utf-8', 'application/json;charset=UTF8', 'Application/JSON'])(
    'takes %s',
    async (type) => {
      expect((await small.call('POST', '/parcels', '{"title":"ä"}', { 'content-type': type })).body).toEqual({
        title: 'ä',
      });
    },
  );

  it('takes an empty body under the JSON content type for none', async () => {
    expect((await small.call('POST', '/parcels', '')).status).toBe(201);
  });

  /** Sends raw bytes on a socket and reads until the server closes it. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { port } = new URL(small.url);
      const socket = net.connect(Number(port), '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
      socket.on('close', () => resolve(answer)).on('error', reject);
    });
  }

  it('answers a problem to what is no HTTP and to headers that are too large', async () => {
    expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*"code":"invalid_request"/);
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [^]*"code":"headers_too_large"/,
    );
    const smuggled =
      'POST /parcels HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await raw(smuggled)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('goes on answering with 1,000 idle sockets open', async () => {
    const { port } = new URL(small.url);
    const sockets = await Promise.all(
      Array.from(
        { length: 1_000 },
        () =>
          new Promise<net.Socket>((resolve, reject) => {
            const socket = net.connect(Number(port), '127.0.0.1', () => resolve(socket));
            socket.on('error', reject);
          }),
      ),
    );
    try {
      expect((await small.call('GET', '/ping')).status).toBe(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it('tells browsers to be strict, and caches nothing, on answers and problems alike', async () => {
    for (const path of ['/ping', '/nowhere']) {
      const { headers } = await small.call('GET', path, undefined, { origin: 'https://elsewhere.example' });
      expect(headers.get('content-security-policy')).toContain("script-src 'self'");
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    }
  });
});
