import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { type DynamicModule, Logger, Module } from '@nestjs/common';
import pg from 'pg';
import { NestJobsModule, type NestJobsOptions } from '@carillon/nest-jobs';
import { CONFIG, type Config, type DatabaseAddress } from '../config/index.js';
import { connectionOptions, Database, DATABASE_ADDRESS } from '../database/index.js';
import { PROCESS_ROLES, type ProcessRoles } from '../platform.module.js';
import { JobQueue } from './job-queue.js';

/** The job engine on this house's database; its loops run only in processes that are workers. */
@Module({})
export class QueueModule {
  static forRoot(): DynamicModule {
    return {
      module: QueueModule,
      global: true,
      imports: [
        NestJobsModule.forRootAsync({
          inject: [Database, DATABASE_ADDRESS, CONFIG, PROCESS_ROLES],
          useFactory: engineOptions,
        }),
      ],
      providers: [JobQueue],
      exports: [JobQueue],
    };
  }
}

function engineOptions(
  database: Database,
  address: DatabaseAddress,
  config: Config,
  roles: ProcessRoles,
): NestJobsOptions {
  const logger = new Logger('Jobs');
  return {
    pool: database.engine,
    listen: () => new pg.Client(connectionOptions(address, 'carillon_engine')),
    runWorker: roles.worker,
    name: `${os.hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`,
    concurrency: config.worker.concurrency,
    queues: config.worker.queues,
    leaseMs: config.worker.leaseMs,
    pollMs: config.worker.pollMs,
    graceMs: config.shutdownGraceMs,
    log: {
      debug: (message) => logger.debug(message),
      info: (message) => logger.log(message),
      warn: (message) => logger.warn(message),
      error: (message, error) => logger.error(message, error),
    },
  };
}
