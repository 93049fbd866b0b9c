import { type DynamicModule, Logger, Module } from '@nestjs/common';
import pg from 'pg';
import { NestJobsModule } from '@carillon/nest-jobs';
import { ConfirmOrder, MarkConfirmed, Orders } from './orders.js';

/** An application like yours, with a pool of its own. */
@Module({})
export class AppModule {
  static with(pool: pg.Pool, databaseUrl: string): DynamicModule {
    const shared = { provide: pg.Pool, useValue: pool };
    const log = new Logger('Jobs');
    return {
      module: AppModule,
      global: true,
      imports: [
        NestJobsModule.forRootAsync({
          useFactory: () => ({
            pool,
            listen: () => new pg.Client({ connectionString: databaseUrl }),
            runWorker: true,
            name: `embedding:${process.pid}`,
            concurrency: 5,
            queues: [],
            leaseMs: 15_000,
            pollMs: 1_000,
            graceMs: 10_000,
            log: {
              debug: (message) => log.debug(message),
              info: (message) => log.log(message),
              warn: (message) => log.warn(message),
              error: (message, error) => log.error(message, error),
            },
          }),
        }),
      ],
      providers: [shared, Orders, ConfirmOrder, MarkConfirmed],
      exports: [shared, Orders],
    };
  }
}
