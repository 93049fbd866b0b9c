import { ValidationPipe } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '../config/index.js';

/** 1 MiB of JSON; imports are streamed apart. */
const bodyLimit = 1_048_576;

export function createFastifyAdapter(config: Config): FastifyAdapter {
  return new FastifyAdapter({ bodyLimit, trustProxy: [...config.trustedProxies], requestTimeout: 60_000 });
}

/** What every HTTP process has before it listens. */
export async function configureHttp(app: NestFastifyApplication, _config: Config): Promise<void> {
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
}
