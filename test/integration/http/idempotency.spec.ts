import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  Post,
  Query,
  Req,
  Res,
  Body,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { loadConfig } from '../../../src/platform/config/index.js';
import { Database, DatabaseModule } from '../../../src/platform/database/index.js';
import { HttpModule } from '../../../src/platform/http/http.module.js';
import { type AuthenticatedRequest, Idempotent, unprocessable } from '../../../src/platform/http/index.js';
import { IdempotencyStore } from '../../../src/platform/http/idempotency/idempotency-store.js';
import { PlatformModule } from '../../../src/platform/platform.module.js';
import { moveClock } from '../../support/movable-clock.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';
import { type Answer, type SmallApp, startSmallApp } from './small-app.js';

/** Each run leaves its mark; a test opens the gate when the handler may go on. */
const runs: string[] = [];
let gate: Promise<void> = Promise.resolve();
let behave: (reply: FastifyReply) => unknown = () => undefined;

@Controller()
class Things {
  @Post('things')
  @Idempotent()
  async create(
    @Body() body: Record<string, unknown>,
    @Query('colour') _colour: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const id = uuidv7();
    runs.push(id);
    await gate;
    await behave(reply);
    void reply.header('location', `/things/${id}`);
    return { id, name: body.name, zulu: 1, alpha: new Date(0) };
  }
  @Post('quiet')
  @Idempotent()
  @HttpCode(204)
  quiet(@Body('name') _name?: string): void {
    runs.push('quiet');
  }
  @Post('secrets')
  @Idempotent({ store: 'nothing' })
  secret(@Res({ passthrough: true }) reply: FastifyReply) {
    runs.push('secret');
    void reply.header('location', '/secrets/1');
    return { secret: 'hunter2' };
  }
  @Post('plain') plain(@Req() request: FastifyRequest) {
    runs.push('plain');
    return { key: request.headers['idempotency-key'] ?? null };
  }
  @Get('things') list() {
    return [];
  }
}

/** Stands for the guards of src/auth. */
class FakeGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const { organization, principal } = request.headers as Record<string, string>;
    request.principal = {
      kind: 'user',
      id: principal!,
      organizationId: organization!,
    } as AuthenticatedRequest['principal'];
    return true;
  }
}

describe('Idempotency-Key', () => {
  let db: TestDatabase;
  let small: SmallApp;
  const organization = uuidv7();
  const other = uuidv7();
  const principal = uuidv7();

  beforeAll(async () => {
    db = await createTestDatabase();
    await db.owner.query(`insert into organizations (id, name, slug) values ($1, 'A', 'a'), ($2, 'B', 'b')`, [
      organization,
      other,
    ]);
    const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent' });
    small = await startSmallApp([Things], {
      imports: [
        PlatformModule.forRoot(config, { url: db.url }, { api: true, worker: false }),
        DatabaseModule.forRoot([]),
        HttpModule,
      ],
      providers: [{ provide: APP_GUARD, useClass: FakeGuard }],
    });
  });
  afterAll(async () => {
    await small.close();
    await db.drop();
  });
  beforeEach(async () => {
    runs.length = 0;
    gate = Promise.resolve();
    behave = () => undefined;
    await moveClock(db.url, 0);
  });

  function post(
    path: string,
    key: string | undefined,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return small.call('POST', path, body, {
      organization,
      principal,
      ...(key !== undefined && { 'idempotency-key': key }),
      ...headers,
    });
  }

  it('gives the first answer again, byte for byte, and runs once', async () => {
    const key = uuidv7();
    const first = await post('/things', key, { name: 'ä' });
    const second = await post('/things', key, { name: 'ä' });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(JSON.stringify(second.body)).toBe(JSON.stringify(first.body));
    expect(second.headers.get('location')).toBe(`/things/${first.body.id}`);
    expect(runs).toHaveLength(1);
  });

  it('gives an answer without a body again as well', async () => {
    const key = uuidv7();
    expect((await post('/quiet', key, undefined)).status).toBe(204);
    const again = await post('/quiet', key, undefined);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([204, 'true']);
    expect(runs).toEqual(['quiet']);
  });

  it('runs exactly one of twenty that arrive together; the others are told to wait, then get its answer', async () => {
    const key = uuidv7();
    let open = () => {};
    gate = new Promise((resolve) => (open = resolve));
    let refused = 0;
    const answers = Array.from({ length: 20 }, async () => {
      const answer = await post('/things', key, { name: 'x' });
      // the winner waits at the gate until all the others have been refused
      if (answer.status === 409 && ++refused === 19) open();
      return answer;
    });
    const statuses = (await Promise.all(answers)).map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    expect(runs).toHaveLength(1);
    expect((await Promise.all(answers)).find(({ status }) => status === 409)!.headers.get('retry-after')).toBe('1');
    expect((await post('/things', key, { name: 'x' })).body.id).toBe(runs[0]);
  });

  it.each([
    ['another body', '/things', { name: 'y' }],
    ['another path', '/quiet', { name: 'x' }],
    ['another query', '/things?colour=red', { name: 'x' }],
  ])('refuses the key for %s', async (_, path, body) => {
    const key = uuidv7();
    await post('/things', key, { name: 'x' });
    const answer = await post(path, key, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused']);
    expect(runs).toHaveLength(1);
  });

  it('keeps keys of different callers and organisations apart', async () => {
    const key = uuidv7();
    const mine = await post('/things', key, { name: 'x' });
    const colleague = await post('/things', key, { name: 'x' }, { principal: uuidv7() });
    const stranger = await post('/things', key, { name: 'x' }, { organization: other });
    expect(new Set([mine, colleague, stranger].map(({ body }) => body.id)).size).toBe(3);
  });

  it.each([
    ['a fault', 500, () => new Error('boom')],
    ['a refusal', 422, () => unprocessable([{ pointer: '/name', message: 'is taken' }])],
  ])('frees the key after %s', async (_, status, error) => {
    const key = uuidv7();
    behave = () => {
      throw error();
    };
    expect((await post('/things', key, { name: 'x' })).status).toBe(status);
    behave = () => undefined;
    const second = await post('/things', key, { name: 'x' });
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect(runs).toHaveLength(2);
  });

  it('frees the key of a process that died once its lease is over, and ignores its late result', async () => {
    const key = uuidv7();
    const store = small.app.get(IdempotencyStore);
    const dead = { organizationId: organization, principalId: principal, key, token: uuidv7() };
    await store.claim(dead, Buffer.alloc(32));
    expect((await post('/things', key, { name: 'x' })).body.code).toBe('idempotency_key_reused');
    await moveClock(db.url, 61_000);
    const second = await post('/things', key, { name: 'x' });
    expect(second.status).toBe(201);
    await store.keep(dead, { status: 200, headers: {}, body: '"late"', withheld: false });
    await store.free(dead);
    expect((await post('/things', key, { name: 'x' })).body).toEqual(second.body);
  });

  it('keeps the key of a run that renews its lease', async () => {
    const key = uuidv7();
    const store = small.app.get(IdempotencyStore);
    const slow = { organizationId: organization, principalId: principal, key, token: uuidv7() };
    await store.claim(slow, Buffer.alloc(32));
    await moveClock(db.url, 50_000);
    await store.renew(slow);
    await moveClock(db.url, 100_000);
    expect((await store.claim({ ...slow, token: uuidv7() }, Buffer.alloc(32))).state).toBe('running');
  });

  it('does not keep an answer that holds a secret, and refuses to make a second one', async () => {
    const key = uuidv7();
    expect((await post('/secrets', key, {})).body).toEqual({ secret: 'hunter2' });
    const again = await post('/secrets', key, {});
    expect([again.status, again.body.code, again.headers.get('location')]).toEqual([409, 'already_done', '/secrets/1']);
    expect(runs).toEqual(['secret']);
    const { rows } = await db.owner.query(`select * from idempotency_keys where key = $1`, [key]);
    expect(JSON.stringify(rows)).not.toContain('hunter2');
  });

  it.each([[''], ['a b'], ['ü'], ['x'.repeat(256)], ['a\tb']])('refuses the key %j', async (key) => {
    const { status, body } = await post('/things', key, { name: 'x' });
    expect([status, body.errors[0].pointer]).toEqual([400, 'header/idempotency-key']);
    expect(runs).toEqual([]);
  });

  it('takes a key of 255 characters, and leaves routes alone that do not ask for keys', async () => {
    expect((await post('/things', '~'.repeat(255), {})).status).toBe(201);
    expect((await post('/plain', 'k', {})).body).toEqual({ key: 'k' });
    expect((await post('/plain', 'k', {})).status).toBe(201);
    expect(runs.filter((run) => run === 'plain')).toHaveLength(2);
  });

  it('forgets a key after 24 hours, and clears it away', async () => {
    const key = uuidv7();
    const first = await post('/things', key, { name: 'x' });
    await moveClock(db.url, 23 * 3_600_000);
    expect((await post('/things', key, { name: 'x' })).body.id).toBe(first.body.id);
    await moveClock(db.url, 25 * 3_600_000);
    expect((await post('/things', key, { name: 'other' })).body.name).toBe('other');
    await moveClock(db.url, 50 * 3_600_000);
    expect(await small.app.get(IdempotencyStore).prune()).toBeGreaterThan(0);
    expect((await db.owner.query(`select count(*)::int as n from idempotency_keys`)).rows).toEqual([{ n: 0 }]);
  });

  it('shows no organisation the keys of another', async () => {
    await post('/things', uuidv7(), {});
    const rows = await small.app
      .get(Database)
      .withOrganization(other, (tx) =>
        tx.query(`select 1 from idempotency_keys where organization_id = $1`, [organization]),
      );
    expect(rows).toEqual([]);
  });
});
