/** What is known of a job when it is to be explained; gathered by explain-statements.ts, judged by explain.ts. */
import type { EndState } from '@carillon/job-engine';
import type { PauseDto } from '../controls/control.dto.js';
import type { AwaitedBatchDto, ParentDto, UsedLimitDto } from './explanation.dto.js';

export interface JobFacts {
  jobId: string;
  jobType: string;
  queue: string;
  /** The database's. */
  now: Date;
  state: EndedFacts | RunningFacts | WaitingFacts;
}

export interface EndedFacts {
  is: EndState;
  at: Date;
  attempts: number;
  errorCode: string | null;
  errorMessage: string | null;
  cancelReason: string | null;
}

export interface RunningFacts {
  is: 'processing';
  since: Date;
  worker: string;
  attempt: number;
  cancelRequestedAt: Date | null;
}

export interface WaitingFacts {
  is: 'queued';
  /** Where its entry stands; null while it moves from one place to the next. */
  standsIn: 'ready' | 'later' | 'held' | null;
  /** When it may run at the earliest. */
  dueAt: Date;
  retryCount: number;
  maxRetries: number;
  lastError: string | null;
  queuePause: PauseDto | null;
  organizationPause: PauseDto | null;
  typePause: PauseDto | null;
  /** Those it still waits for; at most 100. */
  parents: ParentDto[];
  batch: AwaitedBatchDto | null;
  /** Every limit that applies to it where it stands, full or not. */
  limits: UsedLimitDto[];
  /** Processes whose lease is good, and of those the ones that serve its queue. */
  workers: { alive: number; serving: number };
  /** Whether there is a handler for its type. */
  handled: boolean;
  /** Only of a ready job. */
  turn: Turn | null;
}

export interface Turn {
  ahead: number;
  organizations: number;
  /** Of jobs of its organisation in its queue, within the last five minutes. */
  recentStarts: number;
  recentSeconds: number;
}
