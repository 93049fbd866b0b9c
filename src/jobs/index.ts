import { BackgroundJob } from './background-job.entity.js';
import { JobAttempt } from './job-attempt.entity.js';
import { JobLogEntry } from './job-log-entry.entity.js';

export { JobReader } from './job-reader.js';
export { ownJobOf } from './job-representation.js';
export { JobsModule } from './jobs.module.js';
export { OwnJobDto } from './own-job.dto.js';

/** TypeORM entities of this room. */
export const jobEntities: (new () => object)[] = [BackgroundJob, JobAttempt, JobLogEntry];
