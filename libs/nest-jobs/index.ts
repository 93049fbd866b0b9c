export { JobFinishHook } from './job-finish-hook.js';
export { JobHandler, type JobHandlerOptions } from './job-handler.js';
export { JobRunner } from './job-runner.js';
export { type JobType, JobTypes, UnknownJobType } from './job-types.js';
export { NestJobsModule } from './nest-jobs.module.js';
export type { NestJobsOptions } from './nest-jobs-options.js';
