import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { JobClient, JobEngine, Wakeups } from '@carillon/job-engine';
import { JobTypes } from './job-types.js';
import { NEST_JOBS_OPTIONS, type NestJobsOptions } from './nest-jobs-options.js';

/** Runs the engine's loops from bootstrap to shutdown; they stop before HTTP closes and before anybody's pool ends. */
@Injectable()
export class JobRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  /** Absent in a process that only enqueues, and before bootstrap. */
  engine: JobEngine | undefined;

  constructor(
    @Inject(NEST_JOBS_OPTIONS) private readonly options: NestJobsOptions,
    private readonly types: JobTypes,
    private readonly wakeups: Wakeups,
    private readonly client: JobClient,
  ) {}

  /** Limits are declared by every process, so that jobs which only an API's code knows are withheld as it says. */
  async onApplicationBootstrap(): Promise<void> {
    const changed = await this.client.declareLimits(this.types.limits());
    if (changed.length > 0)
      this.options.log.info(`the declared limits of these job types changed: ${changed.join(', ')}`);
    if (!this.options.runWorker) return;
    this.engine = new JobEngine({
      ...this.options,
      client: this.client,
      wakeups: this.wakeups,
      handler: (type) => this.types.handler(type),
      hooks: [...this.types.finishHooks(), ...(this.options.hooks ?? [])],
    });
    this.wakeups.start();
    await this.engine.start();
  }

  /** Behind a deadline: a database that does not answer must not keep the process from ending. */
  async beforeApplicationShutdown(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.options.log.warn('the worker did not stop in time; its jobs will be rescued when its lease runs out');
        resolve();
      }, this.options.graceMs + 8_000);
    });
    await Promise.race([this.stop(), deadline]);
    clearTimeout(timer);
  }

  private async stop(): Promise<void> {
    await this.engine?.stop();
    await this.wakeups.stop();
  }
}
