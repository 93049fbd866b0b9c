/** An API process of the benchmark: the real application, and in it one guarded route that does nothing. */
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { administrator } from './administrator.js';
import { AppModule } from '../src/app.module.js';
import { loadConfig } from '../src/platform/config/index.js';
import { RateLimit, RequireRole } from '../src/platform/http/index.js';
import { configureHttp, createFastifyAdapter } from '../src/platform/http/server.js';
import { createLogger, NestLogger } from '../src/platform/logging/index.js';

export type FromHttp = { url: string };

/** What every request pays before its own work begins: routing, parsing, the session, the role. */
@Controller('api/bench/bare')
class BareController {
  @Post()
  @RequireRole('SystemAdmin')
  @RateLimit('mutations')
  bare(): object {
    return {};
  }
}

@Module({ controllers: [BareController] })
class BareModule {}

const dataDir = mkdtempSync(path.join(os.tmpdir(), 'carillon-bench-http-'));
const limits = ['LOGIN', 'SETTINGS', 'TEST_SEND', 'JOB_ACTIONS', 'IMPORTS', 'MUTATIONS'];

process.once('message', (url: string) => void serve(url));

async function serve(url: string): Promise<void> {
  const config = loadConfig({
    DATABASE_URL: url,
    DATA_DIR: dataDir,
    PORT: '0',
    LOG_LEVEL: 'silent',
    DEMO: 'false',
    JWT_SECRET: 'a secret of the benchmark, long enough to sign with',
    SECRET_KEYS: `bench:${Buffer.alloc(32, 'bench key').toString('base64')}`,
    ADMIN_EMAIL: administrator.email,
    ADMIN_PASSWORD: administrator.password,
    ...Object.fromEntries(limits.map((name) => [`THROTTLE_${name}`, '1000000'])),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    { module: BareModule, imports: [AppModule.forRoot(config, { url }, { api: true, worker: false })] },
    createFastifyAdapter(config),
    { logger: new NestLogger(createLogger(config)), forceCloseConnections: true },
  );
  await configureHttp(app, config);
  await app.listen(0, '127.0.0.1');
  process.send?.({ url: await app.getUrl() } satisfies FromHttp);
  process.once('message', () => {
    void app.close().then(() => {
      rmSync(dataDir, { recursive: true, force: true });
      process.disconnect();
    });
  });
}
