import { Module } from '@nestjs/common';
import { BackgroundJobsController } from './background-jobs.controller.js';
import { BatchRequests } from './batches/batch-requests.js';
import { BatchesController } from './batches/batches.controller.js';
import { builtInJobs } from './built-in/index.js';
import { BulkActionRequests } from './bulk-actions/bulk-action-requests.js';
import { BulkActionsController } from './bulk-actions/bulk-actions.controller.js';
import { BulkBatches } from './bulk-actions/bulk-batches.js';
import { RunBulkAction } from './bulk-actions/run-bulk-action.js';
import { ControlChanges } from './controls/control-changes.js';
import { JobExplainer } from './explain/job-explainer.js';
import { JobActions } from './job-actions.js';
import { JobExport } from './job-export.js';
import { JobLogsController } from './job-logs.controller.js';
import { JobOrderChecks } from './job-order-checks.js';
import { JobReader } from './job-reader.js';
import { JobRequests } from './job-requests.js';
import { JobStatistics } from './statistics/job-statistics.js';
import { JobTypeAdministration } from './job-types/job-type-administration.js';
import { JobTypesController } from './job-types/job-types.controller.js';
import { OrganizationControls } from './organization-controls/organization-controls.js';
import {
  OrganizationControlsController,
  OwnJobControlsController,
} from './organization-controls/organization-controls.controller.js';
import { OutcomeEvents } from './outcome-events.js';
import { OwnJobsController } from './own-jobs.controller.js';
import { QueueAdministration } from './queues/queue-administration.js';
import { QueuesController } from './queues/queues.controller.js';
import { Quotas } from './quotas/quotas.js';

/** The HTTP face of jobs; what runs them is the engine (libs/job-engine). */
@Module({
  controllers: [
    BulkActionsController,
    BatchesController,
    BackgroundJobsController,
    OwnJobsController,
    JobLogsController,
    QueuesController,
    JobTypesController,
    OrganizationControlsController,
    OwnJobControlsController,
  ],
  providers: [
    JobReader,
    JobRequests,
    JobOrderChecks,
    BatchRequests,
    Quotas,
    JobActions,
    JobExplainer,
    JobStatistics,
    JobExport,
    OutcomeEvents,
    BulkActionRequests,
    BulkBatches,
    RunBulkAction,
    ControlChanges,
    QueueAdministration,
    JobTypeAdministration,
    OrganizationControls,
    ...builtInJobs,
  ],
  exports: [JobReader],
})
export class JobsModule {}
