import { BackgroundJob } from './background-job.entity.js';
import { JobAttempt } from './job-attempt.entity.js';
import { JobLogEntry } from './job-log-entry.entity.js';

export { JobsModule } from './jobs.module.js';

/** TypeORM entities of this room. */
export const jobEntities: (new () => object)[] = [BackgroundJob, JobAttempt, JobLogEntry];
