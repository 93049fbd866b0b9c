/** Brings a process up and takes it down: configuration, database, application, signals. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { type Config, ConfigurationError, loadConfig } from './platform/config/index.js';
import { FolderInUse, openDatabase } from './platform/database/index.js';
import { createFastifyAdapter, configureHttp } from './platform/http/server.js';
import { createLogger, NestLogger } from './platform/logging/index.js';
import type { ProcessRoles } from './platform/platform.module.js';
import { withGeneratedSecrets } from './platform/secrets/index.js';

/** Runs until SIGTERM or SIGINT; resolves once it is ready. Exit codes: 0 asked to end, 1 could not start or lost its database server. */
export async function start(roles: ProcessRoles): Promise<void> {
  try {
    await run(withGeneratedSecrets(loadConfig()), roles);
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof FolderInUse)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

async function run(config: Config, roles: ProcessRoles): Promise<void> {
  const pino = createLogger(config);
  const logger = new NestLogger(pino);
  const database = await openDatabase(
    config,
    (line) => pino.info(line),
    (reason) => {
      pino.fatal(reason);
      process.exit(1);
    },
  );
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config, database.address, roles),
    createFastifyAdapter(config),
    { logger, abortOnError: false, forceCloseConnections: true },
  );
  stopOnSignals(async () => {
    await app.close();
    await database.close();
  });
  if (roles.api) {
    await configureHttp(app, config);
    await app.listen(config.port, config.host);
    pino.info(`listening on ${await app.getUrl()}`);
  } else {
    await app.init();
    pino.info('worker ready');
  }
}

/** The first signal ends cleanly; a second one ends at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) process.exit(130);
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`could not end cleanly: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
}
