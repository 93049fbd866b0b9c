import { Module } from '@nestjs/common';
import { BackgroundJobsController } from './background-jobs.controller.js';
import { builtInJobs } from './built-in/index.js';
import { JobActions } from './job-actions.js';
import { JobLogsController } from './job-logs.controller.js';
import { JobReader } from './job-reader.js';
import { JobRequests } from './job-requests.js';
import { JobStatistics } from './job-statistics.js';
import { OutcomeEvents } from './outcome-events.js';
import { OwnJobsController } from './own-jobs.controller.js';

/** The HTTP face of jobs; what runs them is the engine (libs/job-engine). */
@Module({
  controllers: [BackgroundJobsController, OwnJobsController, JobLogsController],
  providers: [JobReader, JobRequests, JobActions, JobStatistics, OutcomeEvents, ...builtInJobs],
  exports: [JobReader],
})
export class JobsModule {}
