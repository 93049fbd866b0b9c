/**
 * The migrations that libs/job-engine needs and no others, for applications that embed it (examples/embedding): organisations with their walls,
 * and the engine's own tables, functions and statistics. They run in the order of the numbers in their names and use the runner's `query` alone.
 */
export { CreateOrganizationsAndWalls1763800000000 } from './1763800000000-create-organizations-and-walls.js';
export { CreateJobEngine1763800100000 } from './1763800100000-create-job-engine.js';
export { CreateJobView1763800110000 } from './1763800110000-create-job-view.js';
export { CreateJobControls1763800120000 } from './1763800120000-create-job-controls.js';
export { CreateClaimFunction1763800125000 } from './1763800125000-create-claim-function.js';
export { CreateFinishFunction1763800126000 } from './1763800126000-create-finish-function.js';
export { CreateGatesFunction1763800127000 } from './1763800127000-create-gates-function.js';
export { CreateUpkeepFunctions1763800129000 } from './1763800129000-create-upkeep-functions.js';
export { CreateJobReplacement1763800128000 } from './1763800128000-create-job-replacement.js';
export { CreateJobStatistics1763800130000 } from './1763800130000-create-job-statistics.js';
