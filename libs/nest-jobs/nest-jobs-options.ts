import type { EngineLog, FinishHook, ListenConnection, SqlPool } from '@carillon/job-engine';

export const NEST_JOBS_OPTIONS = Symbol('NestJobsOptions');

export interface NestJobsOptions {
  /** Connections of the engine's role; at least four. */
  pool: SqlPool;
  /** A connection of its own for LISTEN; without one jobs are found by polling alone. */
  listen?: () => ListenConnection;
  /** Whether this process runs jobs, or only enqueues them. */
  runWorker: boolean;
  /** Shown in the history of attempts. */
  name: string;
  concurrency: number;
  /** Queues to serve; none means all. */
  queues: readonly string[];
  leaseMs: number;
  pollMs: number;
  /** How long running jobs may go on when the application closes. */
  graceMs: number;
  /** Besides those that are found as providers. */
  hooks?: readonly FinishHook[];
  log: EngineLog;
}
