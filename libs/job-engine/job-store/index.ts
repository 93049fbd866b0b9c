/** All SQL of a job's life, a named function an operation. */
export * from './batches.js';
export * from './claim.js';
export * from './declare.js';
export * from './enqueue.js';
export * from './finish.js';
export * from './gates.js';
export * from './intervene.js';
export * from './new-job.js';
export * from './promote.js';
export * from './queues.js';
export * from './traces.js';
export * from './upkeep.js';
export * from './workers.js';
