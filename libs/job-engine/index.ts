export { JobEngine } from './engine.js';
export {
  BatchNotOpen,
  IdempotencyClash,
  InvalidQueueName,
  LeaseLost,
  RequestRefused,
  UniqueKeyHeld,
  UnknownParent,
} from './errors.js';
export * from './handler.js';
export { boundsOf, bucketOf, lastBucket } from './histogram.js';
export * from './job-client.js';
export type { BulkCancelResult, BulkRetryResult } from './job-store/index.js';
export { type EndState, hasEnded, type JobState, jobStates, maxWorkerLosses } from './job-state.js';
export * from './ports.js';
export { Loop, type LoopOptions } from './loop.js';
export { addAll, addStored, foldStatistics, type Histogram, percentilesOf } from './statistics/index.js';
export { defaultBackoff } from './retry-policy.js';
export { RunStopped, type StopKind } from './run.js';
export { databasePressure, type DatabasePressure } from './upkeep.js';
export { inTransaction } from './transaction.js';
export { gatesChanged, Wakeups, type WakeupsOptions } from './wakeups.js';
export { Worker, type WorkerOptions } from './worker.js';
