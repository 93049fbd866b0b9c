/** Brings a process up and takes it down: configuration, database, application, signals. */
import 'reflect-metadata';
import { setImmediate as immediate } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { Demo } from './demo/index.js';
import { explainFailure } from './failure.js';
import { type Config, ConfigurationError, loadConfig } from './platform/config/index.js';
import { openDatabase } from './platform/database/index.js';
import { createFastifyAdapter, configureHttp } from './platform/http/server.js';
import { createLogger, NestLogger } from './platform/logging/index.js';
import type { ProcessRoles } from './platform/platform.module.js';
import { withGeneratedSecrets } from './platform/secrets/index.js';

/**
 * Resolves once the process is ready; it then runs until SIGTERM or SIGINT.
 * Exit codes: 0 asked to end, 1 could not start or lost its embedded database server.
 */
export async function start(roles: ProcessRoles): Promise<void> {
  const life = new Life();
  try {
    await run(withGeneratedSecrets(readConfig(roles)), roles, life);
  } catch (error) {
    await immediate(); // a signal that came while initdb blocked us is heard now
    if (life.ending) await life.ended; // what breaks while everything is being closed is no failure
    process.stderr.write(`${explainFailure(error)}\n`);
    await life.close().catch(() => undefined);
    process.exit(1);
  }
}

/** The embedded database belongs to one process: a worker or an API of its own would sit alone on it. */
function readConfig(roles: ProcessRoles): Config {
  const config = loadConfig();
  if (config.database.address || (roles.api && roles.worker)) return config;
  throw new ConfigurationError([
    'DATABASE_URL (or PGHOST) is needed for "api" and "worker": they share one database. With the embedded one, run "start"',
  ]);
}

async function run(config: Config, roles: ProcessRoles, life: Life): Promise<void> {
  const pino = createLogger(config);
  const crashed = (reason: string) => {
    if (life.ending) return; // whoever told us to end may have told our server, too (systemd, nest start --watch)
    pino.fatal(reason);
    process.exit(1);
  };
  const database = await openDatabase(config, (line) => pino.info(line), crashed);
  life.onClose(() => database.close());
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config, database.address, roles),
    createFastifyAdapter(config),
    { logger: new NestLogger(pino), abortOnError: false, forceCloseConnections: true },
  );
  life.onClose(() => app.close());
  if (roles.api) {
    await configureHttp(app, config);
    await app.listen(config.port, config.host);
    pino.info(`listening on ${await app.getUrl()}`);
    if (config.demo && !config.database.address) await app.get(Demo).fillWhenEmpty();
  } else {
    await app.init();
    pino.info('worker ready');
  }
}

/** Ctrl-C reaches us twice under npm: from the terminal, and from npm itself. Only later ones mean impatience. */
const impatienceMs = 2_000;

/** Collects what has to be closed, and closes it in reverse order at the first signal, also in the middle of a start. */
class Life {
  private readonly closers: (() => Promise<void>)[] = [];
  private endingSince: number | undefined;
  /** Never resolves before the process has ended. */
  readonly ended = new Promise<never>(() => {});

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.onSignal());
  }

  get ending(): boolean {
    return this.endingSince !== undefined;
  }

  /** What is opened after the signal is closed at once by the same loop. */
  onClose(closer: () => Promise<void>): void {
    this.closers.push(closer);
  }

  async close(): Promise<void> {
    for (let closer = this.closers.pop(); closer; closer = this.closers.pop()) await closer();
  }

  private onSignal(): void {
    if (this.endingSince !== undefined) {
      if (performance.now() - this.endingSince > impatienceMs) process.exit(130);
      return;
    }
    this.endingSince = performance.now();
    this.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`could not end cleanly: ${explainFailure(error)}\n`);
        process.exit(1);
      },
    );
  }
}
