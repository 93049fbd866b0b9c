/** A Nest application of one controller behind the house's HTTP conventions, on a real socket. */
import type { DynamicModule, INestApplication, LoggerService, Provider, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadConfig } from '../../../src/platform/config/index.js';
import { configureHttp, createFastifyAdapter } from '../../../src/platform/http/server.js';

export interface SmallApp {
  url: string;
  app: INestApplication;
  /** Answers status, headers and body (JSON where it is JSON). */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}
export interface Answer {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- what came over the wire, held against expectations
  body: any;
}

export async function startSmallApp(
  controllers: Type[],
  more: { imports?: (DynamicModule | Type)[]; providers?: Provider[]; logger?: LoggerService } = {},
): Promise<SmallApp> {
  class SmallModule {}
  const { logger, ...parts } = more;
  const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent' });
  const app = await NestFactory.create<NestFastifyApplication>(
    { module: SmallModule, controllers, ...parts },
    createFastifyAdapter(config),
    { logger: logger ?? false, forceCloseConnections: true },
  );
  await configureHttp(app, config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return { url, app, call: (...request) => call(url, ...request), close: () => app.close() };
}

/** A string is sent as it is, anything else as JSON. */
async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
}
