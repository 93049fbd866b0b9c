import { type DynamicModule, type InjectionToken, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { JobClient, Wakeups } from '@carillon/job-engine';
import { JobRunner } from './job-runner.js';
import { JobTypes } from './job-types.js';
import { NEST_JOBS_OPTIONS, type NestJobsOptions } from './nest-jobs-options.js';

/**
 * Jobs for any Nest application: handlers (`@JobHandler`) and finish hooks (`@JobFinishHook`) are found in all modules' providers;
 * `JobClient` enqueues, `JobTypes` knows the types, and where `runWorker` says so a worker runs from bootstrap to shutdown.
 */
@Module({})
export class NestJobsModule {
  static forRootAsync(setup: {
    inject?: InjectionToken[];
    imports?: DynamicModule['imports'];
    useFactory: (...injected: never[]) => NestJobsOptions | Promise<NestJobsOptions>;
  }): DynamicModule {
    return {
      module: NestJobsModule,
      global: true,
      imports: [DiscoveryModule, ...(setup.imports ?? [])],
      providers: [
        {
          provide: NEST_JOBS_OPTIONS,
          inject: setup.inject ?? [],
          useFactory: setup.useFactory as (...injected: unknown[]) => NestJobsOptions | Promise<NestJobsOptions>,
        },
        JobTypes,
        {
          provide: Wakeups,
          inject: [NEST_JOBS_OPTIONS],
          useFactory: ({ pool, listen, log }: NestJobsOptions) => new Wakeups({ pool, listen, log }),
        },
        {
          provide: JobClient,
          inject: [NEST_JOBS_OPTIONS, Wakeups, JobTypes],
          useFactory: ({ pool }: NestJobsOptions, wakeups: Wakeups, types: JobTypes) =>
            new JobClient({ pool, wakeups, defaults: (type) => types.defaults(type) }),
        },
        JobRunner,
      ],
      exports: [JobTypes, JobClient, Wakeups, JobRunner],
    };
  }
}
