import { type CanActivate, Controller, type ExecutionContext, Get, Post, Query } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type AuthenticatedRequest, UuidParam } from '../../../src/platform/http/index.js';
import { createLogger, NestLogger } from '../../../src/platform/logging/index.js';
import { type SmallApp, startSmallApp } from './small-app.js';

const canary = 'canary-51d0';
const id = '0193d9a0-0000-7000-8000-000000000001';

@Controller()
class Things {
  @Get('things/:thingId') one(@UuidParam('thingId', 'thing') thingId: string) {
    return { thingId };
  }
  @Post('broken') broken(@Query('token') _token: string) {
    throw new Error('the disk is on fire');
  }
  @Get('livez') live() {
    return {};
  }
}

class FakeGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request.principal = {
      kind: 'user',
      id: 'u1',
      organizationId: 'o1',
      allOrganizations: false,
    } as AuthenticatedRequest['principal'];
    return true;
  }
}

describe('the request log', () => {
  let small: SmallApp;
  let text = '';
  const lines = () =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  /** The answer reaches the caller a moment before the line is written. */
  const requests = async (count: number) => {
    for (;;) {
      const found = lines().filter(({ msg }) => msg === 'request');
      if (found.length >= count) return found;
      await new Promise(setImmediate);
    }
  };

  beforeAll(async () => {
    const pino = createLogger({ logLevel: 'info' }, { write: (line) => (text += line) });
    small = await startSmallApp([Things], {
      providers: [{ provide: APP_GUARD, useClass: FakeGuard }],
      logger: new NestLogger(pino),
    });
  });
  afterAll(() => small.close());
  beforeEach(() => (text = ''));

  it('has one line a request, with route, status, time, trace, caller and organisation', async () => {
    const { headers } = await small.call('GET', `/things/${id}`);
    expect(await requests(1)).toEqual([
      expect.objectContaining({
        level: 30,
        method: 'GET',
        route: '/things/:thingId',
        status: 200,
        ms: expect.any(Number),
        traceId: headers.get('x-request-id'),
        principal: 'user:u1',
        organizationId: 'o1',
      }),
    ]);
    expect(text).not.toContain(id);
  });

  it('tells nothing of headers, bodies, queries and unknown paths', async () => {
    await small.call('POST', `/broken?token=${canary}`, { password: canary }, { authorization: `Bearer ${canary}` });
    await small.call('GET', `/${canary}`);
    const found = await requests(2);
    expect(found.map(({ route, status }) => [route, status])).toEqual([
      ['/broken', 500],
      ['unknown', 404],
    ]);
    expect(text).not.toContain(canary);
  });

  it('has the error of a fault, once, under the trace id that the caller was given', async () => {
    const { body } = await small.call('POST', '/broken');
    await requests(1);
    const errors = lines().filter(({ level }) => level === 50);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ traceId: body.traceId, err: { message: 'the disk is on fire' } });
    expect(JSON.stringify(body)).not.toContain('fire');
  });

  it('passes over probes', async () => {
    await small.call('GET', '/livez');
    await small.call('GET', `/things/${id}`);
    expect((await requests(1)).map(({ route }) => route)).toEqual(['/things/:thingId']);
  });
});
