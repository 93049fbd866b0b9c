import { Body, Controller, Get, Post, Query, ServiceUnavailableException } from '@nestjs/common';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsIn, IsInt, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { QueryFailedError } from 'typeorm';
import { Problem, QueryBoolean, QueryInteger, QueryList, UuidParam } from '../../../src/platform/http/index.js';
import { type SmallApp, startSmallApp } from './small-app.js';

class Line {
  @IsString() name!: string;
  @IsInt() count!: number;
}
class Order {
  @IsString() @MaxLength(5) title!: string;
  @ValidateNested({ each: true }) @Type(() => Line) @ArrayMaxSize(10) lines!: Line[];
  @IsOptional() @IsInt() 'a/b~c'?: number;
}
class Filters {
  @QueryInteger(0, 100) skip: number = 0;
  @QueryInteger(1, 200) limit: number = 50;
  @QueryBoolean() dryRun?: boolean;
  @QueryList() @IsIn(['queued', 'failed'], { each: true }) status?: string[];
}
class Anything {
  @IsOptional() payload?: object;
}

const raised: Record<string, () => unknown> = {
  plain: () => new Error('the password is hunter2'),
  text: () => 'a thrown text',
  nothing: () => undefined,
  unavailable: () => new ServiceUnavailableException('secret reason'),
  problem: () => new Problem(409, 'taken', 'That name is taken.', { headers: { 'x-extra': '1' } }),
  ...Object.fromEntries(
    ['22P02', '22021', '40001', '55P03', '57014', '53300', '23505', '42P01'].map((code) => [
      code,
      () => new QueryFailedError('select 1', [], Object.assign(new Error(`driver says ${code}`), { code })),
    ]),
  ),
  pool: () => new Error('timeout exceeded when trying to connect'),
  refused: () => Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' }),
};

@Controller()
class Probe {
  @Post('orders') order(@Body() body: Order) {
    return body;
  }
  @Post('anything') anything(@Body() body: Anything) {
    return body;
  }
  @Get('list') list(@Query() filters: Filters) {
    return filters;
  }
  @Get('things/:id') thing(@UuidParam('id', 'thing') id: string) {
    return { id };
  }
  @Get('raise') raise(@Query('what') what: string) {
    // oxlint-disable-next-line typescript/only-throw-error -- whatever is thrown must come out as a problem
    throw raised[what]!();
  }
}

describe('problems', () => {
  let small: SmallApp;
  beforeAll(async () => {
    small = await startSmallApp([Probe]);
  });
  afterAll(() => small.close());

  it('says everything that is wrong with a body at once, by JSON pointers', async () => {
    const { status, headers, body } = await small.call('POST', '/orders', {
      title: 7,
      lines: [
        { name: 'x', count: 1 },
        { name: 'y', count: 'many', colour: 'red' },
      ],
      'a/b~c': 'no',
      extra: true,
    });
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      type: 'urn:carillon:problem:invalid_request',
      title: 'Invalid request',
      status: 400,
      code: 'invalid_request',
    });
    expect(new Set(body.errors.map((e: { pointer: string }) => e.pointer))).toEqual(
      new Set(['/title', '/lines/1/count', '/lines/1/colour', '/a~1b~0c', '/extra']),
    );
    expect(body.errors).toContainEqual({ pointer: '/extra', message: 'is not a known field' });
    expect(body.errors).toContainEqual({ pointer: '/title', message: 'must be a string' });
  });

  it.each([['[]'], ['"text"'], ['5'], ['null'], ['true'], ['[{"title":"a","lines":[]}]']])(
    'refuses %s where an object is expected',
    async (text) => {
      const { status, body } = await small.call('POST', '/orders', text);
      expect(status).toBe(400);
      expect(body.errors[0]).toMatchObject({ pointer: '', message: expect.stringContaining('must be a JSON object') });
    },
  );

  it('takes a missing body for an empty one and names the missing fields', async () => {
    const { status, body } = await small.call('POST', '/orders');
    expect(status).toBe(400);
    expect(body.errors.map((e: { pointer: string }) => e.pointer)).toContain('/title');
  });

  it.each([
    ['skip=-1', 'query/skip'],
    ['skip=abc', 'query/skip'],
    ['skip=', 'query/skip'],
    ['skip=1e1', 'query/skip'],
    ['skip=1&skip=2', 'query/skip'],
    ['limit=0', 'query/limit'],
    ['limit=201', 'query/limit'],
    ['limit=1.5', 'query/limit'],
    ['limit=99999999999999999999', 'query/limit'],
    ['dryRun=yes', 'query/dryRun'],
    ['status=lost', 'query/status'],
    ['colour=red', 'query/colour'],
    ['__proto__=1', 'query/__proto__'],
    ['constructor=1', 'query/constructor'],
    ['limit[a]=1', 'query/limit[a]'],
    ['dryRun=%00', 'query/dryRun'],
  ])('refuses the query %s', async (query, pointer) => {
    const { status, body } = await small.call('GET', `/list?${query}`);
    expect(status).toBe(400);
    expect(body.errors.map((e: { pointer: string }) => e.pointer)).toContain(pointer);
  });

  it('reads numbers, flags and lists of the query, and fills in the defaults', async () => {
    expect((await small.call('GET', '/list')).body).toEqual({ skip: 0, limit: 50 });
    expect((await small.call('GET', '/list?skip=7&limit=200&dryRun=false&status=queued,failed')).body).toEqual({
      skip: 7,
      limit: 200,
      dryRun: false,
      status: ['queued', 'failed'],
    });
  });

  it.each(['1', '%00', 'null', '0193d9a0-0000-7000-8000-00000000000g', 'a'.repeat(500), '%F0%9F%92%A9', '%'])(
    'answers 404 for the id %s, and 400 for no URL at all',
    async (id) => {
      const { status, body } = await small.call('GET', `/things/${id}`);
      expect([status, body.code]).toEqual(id === '%' ? [400, 'invalid_request'] : [404, 'not_found']);
    },
  );

  it('answers the same 404 for an unknown path and a wrong method', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere?token=secret'],
      ['DELETE', '/orders'],
    ] as const) {
      const { status, body } = await small.call(method, path);
      expect([status, body.code]).toEqual([404, 'not_found']);
      expect(JSON.stringify(body)).not.toContain('secret');
    }
  });

  it.each(['plain', 'text', 'nothing', '42P01'])('answers a bare 500 for an unforeseen error (%s)', async (what) => {
    const { status, body } = await small.call('GET', `/raise?what=${what}`);
    expect([status, body.code]).toEqual([500, 'internal_error']);
    expect(JSON.stringify(body)).not.toMatch(/hunter2|driver|thrown|select|\.ts/);
  });

  it.each([
    ['40001', 503],
    ['55P03', 503],
    ['57014', 503],
    ['53300', 503],
    ['pool', 503],
    ['refused', 503],
    ['unavailable', 503],
    ['22P02', 400],
    ['22021', 400],
    ['23505', 409],
  ])('tells %s as %i, without the words of the database', async (what, expected) => {
    const { status, headers, body } = await small.call('GET', `/raise?what=${what}`);
    expect(status).toBe(expected);
    expect(headers.get('retry-after')).toBe(expected === 503 ? '1' : null);
    expect(JSON.stringify(body)).not.toMatch(/driver says|10\.0\.0\.1|secret/);
  });

  it('sends the headers of a problem along', async () => {
    const { status, headers } = await small.call('GET', '/raise?what=problem');
    expect([status, headers.get('x-extra')]).toEqual([409, '1']);
  });

  it('carries the trace id of a valid traceparent back, and makes one otherwise', async () => {
    const id = '4bf92f3577b34da6a3ce929d0e0e4736';
    const given = await small.call('GET', '/nowhere', undefined, { traceparent: `00-${id}-00f067aa0ba902b7-01` });
    expect([given.body.traceId, given.headers.get('x-request-id')]).toEqual([id, id]);
    for (const traceparent of ['', 'x', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `ff-${id}-00f067aa0ba902b7-01`]) {
      const made = await small.call('GET', '/nowhere', undefined, { traceparent });
      expect(made.body.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect([id, '0'.repeat(32)]).not.toContain(made.body.traceId);
    }
  });
});
