import { Body, Controller, Get, Post, Query, Req } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { UndeclaredInputInterceptor } from '../../../src/platform/http/undeclared-input.interceptor.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { type SmallApp, startSmallApp } from './small-app.js';

const settings = '/api/system/notification-settings';
const unknown = (...pointers: string[]) => ({
  code: 'invalid_request',
  errors: pointers.map((pointer) => ({ pointer, message: 'is not a known field' })),
});

describe('input that a route does not declare', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  it('refuses a dry run of the settings instead of carrying it out', async () => {
    const admin = app.as('SystemAdmin');
    const headers = { 'x-organization-id': app.organizations.A };
    const before = await admin.request('GET', settings, { headers });
    const body = { emailEnabled: !before.body.emailEnabled };
    const refused = await admin.request('PUT', `${settings}?dryRun=true`, { headers, body });
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject(unknown('query/dryRun'));
    expect((await admin.request('GET', settings, { headers })).body).toEqual(before.body);
    // the same body without it is a good one, so the refusal was the query's
    expect((await admin.request('PUT', settings, { headers, body })).status).toBe(200);
  });

  it.each([
    [`${settings}?x=1`, ['query/x']],
    ['/api/v2/jobs/active?limit=1', ['query/limit']],
    ['/api/v2/jobs/active?a=1&b=2&b=3', ['query/a', 'query/b']],
  ])('refuses GET %s', async (path, pointers) => {
    const headers = { 'x-organization-id': app.organizations.A };
    const { status, body } = await app.as('SystemAdmin').request('GET', path, { headers });
    expect(status).toBe(400);
    expect(body).toMatchObject(unknown(...pointers));
  });

  it.each([
    [`/api/v2/datasets/${uuidv7()}/export`, { format: 'xml' }, '/format'],
    ['/api/auth/logout', { a: 1 }, '/a'],
  ])('refuses a body to POST %s', async (path, sent, pointer) => {
    const { status, body } = await app.as('Member').request('POST', path, { body: sent });
    expect(status).toBe(400);
    expect(body).toMatchObject(unknown(pointer));
    // a refused logout has ended nothing
    expect((await app.as('Member').request('GET', '/api/auth/me')).status).toBe(200);
  });

  it('says 401 and 403 before it says 400', async () => {
    expect((await app.as('nobody').request('GET', `${settings}?x=1`)).status).toBe(401);
    expect((await app.as('Member').request('GET', `${settings}?x=1`)).status).toBe(403);
  });

  it('takes a declared query as before', async () => {
    const { status } = await app.as('Member').request('GET', '/api/v2/datasets?limit=1');
    expect(status).toBe(200);
  });
});

@Controller()
class Probe {
  @Get('named') named(@Query('a') a?: string, @Query('b') b?: string) {
    return { a, b };
  }
  @Get('whole') whole(@Query() query: Record<string, string>) {
    return query;
  }
  @Post('nothing') nothing() {
    return { done: true };
  }
  @Post('part') part(@Body('a') a?: string) {
    return { a };
  }
  @Post('raw') raw(@Req() request: FastifyRequest) {
    return request.body;
  }
}

describe('what counts as declared', () => {
  let small: SmallApp;
  beforeAll(async () => {
    const providers = [{ provide: APP_INTERCEPTOR, useClass: UndeclaredInputInterceptor }];
    small = await startSmallApp([Probe], { providers });
  });
  afterAll(() => small.close());

  it.each<[string, string, unknown]>([
    ['GET', '/named?a=1&b=2', undefined],
    ['GET', '/whole?x=1', undefined],
    ['POST', '/nothing', undefined],
    ['POST', '/nothing', '{}'],
    ['POST', '/nothing', ''],
    ['POST', '/part', { a: 'x' }],
    ['POST', '/raw', { a: 'x' }],
  ])('takes %s %s with %j', async (method, path, sent) => {
    expect((await small.call(method, path, sent)).status).toBeLessThan(300);
  });

  it.each<[string, string, unknown, string]>([
    ['GET', '/named?a=1&c=2', undefined, 'query/c'],
    ['GET', '/named?toString=1', undefined, 'query/toString'],
    ['POST', '/nothing?x=1', undefined, 'query/x'],
    ['POST', '/raw?x=1', undefined, 'query/x'],
    ['POST', '/nothing', { 'a/b': 1 }, '/a~1b'],
    ['POST', '/part', { a: 'x', b: 1 }, '/b'],
  ])('refuses %s %s with %j', async (method, path, sent, pointer) => {
    const { status, body } = await small.call(method, path, sent);
    expect(status).toBe(400);
    expect(body).toMatchObject(unknown(pointer));
  });

  it.each(['[]', '[1]', '"text"', '0', 'null'])('refuses the body %s, which has no fields to name', async (text) => {
    const { status, body } = await small.call('POST', '/nothing', text);
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ pointer: '', message: 'must be absent or an empty JSON object' }]);
  });
});
