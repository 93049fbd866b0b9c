/** The whole application over real HTTP in this process, on the benchmark's database, signed in as a SystemAdmin. */
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../../src/app.module.js';
import { loadConfig } from '../../src/platform/config/index.js';
import { configureHttp, createFastifyAdapter } from '../../src/platform/http/server.js';
import { administrator } from '../administrator.js';

export interface ServedHistory {
  app: NestFastifyApplication;
  /** Answers the body's length in bytes. @throws unless the answer is 200 */
  get(route: string, headers?: Record<string, string>): Promise<number>;
  close(): Promise<void>;
}

export async function serve(databaseUrl: string, environment: Record<string, string>): Promise<ServedHistory> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'carillon-bench-data-'));
  const config = loadConfig({
    NODE_ENV: 'test',
    PORT: '0',
    LOG_LEVEL: 'silent',
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    DEMO: 'false',
    JWT_SECRET: 'a secret of the bench, long enough to sign with',
    SECRET_KEYS: `bench:${Buffer.alloc(32, 'bench key ').toString('base64')}`,
    ADMIN_EMAIL: administrator.email,
    ADMIN_PASSWORD: administrator.password,
    ...environment,
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config, { url: databaseUrl }, { api: true, worker: false }),
    createFastifyAdapter(config),
    { logger: false, abortOnError: false, forceCloseConnections: true },
  );
  await configureHttp(app, config);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const login = await fetch(`${url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(administrator),
  });
  if (!login.ok) throw new Error(`signing in answered ${login.status}: ${await login.text()}`);
  const { accessToken } = (await login.json()) as { accessToken: string };
  return {
    app,
    async get(route, headers = {}) {
      const response = await fetch(url + route, { headers: { authorization: `Bearer ${accessToken}`, ...headers } });
      const body = await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${route}: ${response.status} ${Buffer.from(body).toString()}`);
      return body.byteLength;
    },
    async close() {
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
