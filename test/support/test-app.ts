/** The real application in this process, over real HTTP, on a database of its own with two organisations and their people. */
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { AppModule } from '../../src/app.module.js';
import { CLOCK, type Clock } from '../../src/platform/clock/clock.js';
import { type Config, loadConfig } from '../../src/platform/config/index.js';
import { configureHttp, createFastifyAdapter } from '../../src/platform/http/server.js';
import { createLogger, NestLogger } from '../../src/platform/logging/index.js';
import { moveClock } from './movable-clock.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';
import { type Person, people, type Population, populate } from './test-population.js';

export interface TestAppOptions {
  /** Environment variables over the defaults below, e.g. `{ THROTTLE_SETTINGS: '20' }`. */
  environment?: Record<string, string>;
  /** Runs the worker's loops too. */
  worker?: boolean;
  /** A second process on the same database: give the first one's `db`; it is then neither populated again nor dropped by `close`. */
  database?: TestDatabase;
  population?: Population;
  /** Modules beside the application's own, e.g. with controllers for a test. */
  modules?: (new () => object)[];
  /** Replaces providers, e.g. `[[MAILER, fakeMailer]]`. */
  providers?: [token: symbol | string | (abstract new (...args: never[]) => unknown), value: unknown][];
  /** Leaves the database as the migrations made it: no organisations, no people. */
  empty?: true;
}

export interface TestRequest {
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Sent as multipart/form-data. */
  form?: FormData;
}
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies by expectations, not by types
type Body = any;
/** `body` is parsed where it is JSON, text otherwise. */
export interface TestResponse<T = Body> {
  status: number;
  headers: Headers;
  body: T;
}
export interface Caller {
  request<T = Body>(method: string, path: string, options?: TestRequest): Promise<TestResponse<T>>;
}

export interface TestApp extends Population {
  app: NestFastifyApplication;
  db: TestDatabase;
  config: Config;
  /** `http://127.0.0.1:<port>` */
  url: string;
  as(person: Person | 'nobody'): Caller;
  /** Every route that was registered, as Fastify knows it: `GET /api/system/users/:userId`. HEAD and OPTIONS are left out. */
  routes: readonly string[];
  /** A caller with these headers, e.g. an API key. */
  withHeaders(headers: Record<string, string>): Caller;
  accessToken(person: Person): Promise<string>;
  /** Moves the application's clock and the database's by so many milliseconds from real time. */
  moveClock(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

/** Generous limits, so that only tests about throttling meet it. */
const environment = {
  NODE_ENV: 'test',
  PORT: '0',
  LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
  JWT_SECRET: 'a secret of the tests, long enough to sign with',
  SECRET_KEYS: `test:${Buffer.alloc(32, 'test key ').toString('base64')}`,
  DATABASE_POOL_SIZE: '5',
  DEMO: 'false',
  WORKER_POLL_MS: '200',
  ...Object.fromEntries(
    ['LOGIN', 'SETTINGS', 'TEST_SEND', 'JOB_ACTIONS', 'BULK_ACTIONS', 'IMPORTS', 'EXPORTS', 'MUTATIONS'].map((name) => [
      `THROTTLE_${name}`,
      '1000000',
    ]),
  ),
};

export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const db = options.database ?? (await createTestDatabase());
  const population = options.population ?? (options.empty ? nobody : await populate(db.owner));
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'carillon-app-'));
  const config = loadConfig({ ...environment, DATABASE_URL: db.url, DATA_DIR: dataDir, ...options.environment });
  let shift = 0;
  const { app, routes } = await compile(options, config, db.url, { now: () => Date.now() + shift });
  const close = async () => {
    await app.close();
    rmSync(dataDir, { recursive: true, force: true });
    if (!options.database) await db.drop();
  };
  try {
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await close();
    throw error;
  }
  const url = await app.getUrl();
  return {
    ...population,
    ...callers(url),
    app,
    db,
    config,
    url,
    routes: [...routes].filter((route) => !/^(HEAD|OPTIONS) /.test(route)),
    async moveClock(milliseconds) {
      shift = milliseconds;
      await moveClock(db.url, milliseconds);
    },
    close,
  };
}

const nobody: Population = { organizations: { A: '', B: '', P: '' }, users: {} as Population['users'] };

async function compile(options: TestAppOptions, config: Config, url: string, clock: Clock) {
  const roles = { api: true, worker: options.worker ?? false };
  const builder = Test.createTestingModule({
    imports: [AppModule.forRoot(config, { url }, roles), ...(options.modules ?? [])],
  });
  builder.overrideProvider(CLOCK).useValue(clock);
  for (const [token, value] of options.providers ?? []) builder.overrideProvider(token).useValue(value);
  const adapter = createFastifyAdapter(config);
  const routes = new Set<string>();
  adapter.getInstance().addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) routes.add(`${method} ${route.url}`);
  });
  const app = (await builder.compile()).createNestApplication<NestFastifyApplication>(adapter, {
    logger: new NestLogger(createLogger(config)),
    forceCloseConnections: true,
  });
  await configureHttp(app, config);
  return { app, routes };
}

function callers(url: string): Pick<TestApp, 'as' | 'withHeaders' | 'accessToken'> {
  const tokens = new Map<Person, Promise<string>>();
  const accessToken = (person: Person) => {
    if (!tokens.has(person)) tokens.set(person, signIn(url, person));
    return tokens.get(person)!;
  };
  const withHeaders = (headers: Record<string, string>): Caller => ({
    request: (method, route, request = {}) =>
      send(url, method, route, { ...request, headers: { ...headers, ...request.headers } }),
  });
  const as = (person: Person | 'nobody'): Caller => ({
    request: async (method, route, request) => {
      const headers = person === 'nobody' ? undefined : { authorization: `Bearer ${await accessToken(person)}` };
      return withHeaders(headers ?? {}).request(method, route, request);
    },
  });
  return { as, withHeaders, accessToken };
}

async function signIn(url: string, person: Person): Promise<string> {
  const { email, password } = people[person];
  const { status, body } = await send(url, 'POST', '/api/auth/login', { body: { email, password } });
  if (status !== 200) throw new Error(`${person} could not sign in: ${status} ${JSON.stringify(body)}`);
  return (body as { accessToken: string }).accessToken;
}

async function send(url: string, method: string, route: string, request: TestRequest): Promise<TestResponse> {
  const json: Record<string, string> = request.body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(url + route, {
    method,
    redirect: 'manual',
    headers: { ...json, ...request.headers },
    body: request.form ?? (request.body === undefined ? null : JSON.stringify(request.body)),
  });
  const text = await response.text();
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
}
