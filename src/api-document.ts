/** The OpenAPI document without a database, a port or an environment: the application is only looked at. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { loadConfig } from './platform/config/index.js';
import { describeApi } from './platform/http/openapi/document.js';
import { createFastifyAdapter } from './platform/http/server.js';

/** In preview mode Nest reads modules and decorators and instantiates nothing, so nothing connects anywhere. */
export async function apiDocument(): Promise<object> {
  const config = loadConfig({});
  const app = await NestFactory.create(
    AppModule.forRoot(config, { url: 'postgres://preview/none' }, { api: true, worker: false }),
    createFastifyAdapter(config),
    { preview: true, logger: false, abortOnError: false },
  );
  const document = describeApi(app);
  await app.close();
  return document;
}
