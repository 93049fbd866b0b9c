/** Every migration, in the order in which they run. */
export { CreateOrganizationsAndWalls1763800000000 } from './1763800000000-create-organizations-and-walls.js';
export { CreateJobEngine1763800100000 } from './1763800100000-create-job-engine.js';
export { CreateJobView1763800110000 } from './1763800110000-create-job-view.js';
export { CreateJobControls1763800120000 } from './1763800120000-create-job-controls.js';
export { CreateJobStatistics1763800130000 } from './1763800130000-create-job-statistics.js';
export { CreateClaimFunction1763800125000 } from './1763800125000-create-claim-function.js';
export { CreateFinishFunction1763800126000 } from './1763800126000-create-finish-function.js';
export { CreateGatesFunction1763800127000 } from './1763800127000-create-gates-function.js';
export { CreateJobReplacement1763800128000 } from './1763800128000-create-job-replacement.js';
export { CreateUpkeepFunctions1763800129000 } from './1763800129000-create-upkeep-functions.js';
export { CreateIdempotency1763800150000 } from './1763800150000-create-idempotency.js';
export { CreateCacheFlushes1763800160000 } from './1763800160000-create-cache-flushes.js';
export { CreateAccess1763800200000 } from './1763800200000-create-access.js';
export { CreateNotifications1763800300000 } from './1763800300000-create-notifications.js';
export { CreateImports1763800400000 } from './1763800400000-create-imports.js';
