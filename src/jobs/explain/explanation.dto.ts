/** Why a job is where it is: what `…/explain` answers. */
import { ApiProperty } from '@nestjs/swagger';
import { type JobState, jobStates } from '@carillon/job-engine';
import { PauseDto } from '../controls/control.dto.js';

export const reasonCodes = [
  'completed',
  'failed',
  'cancelled',
  'running',
  'cancel_requested',
  'scheduled',
  'waits_for_retry',
  'queue_paused',
  'organization_paused',
  'job_type_paused',
  'waits_for_parents',
  'parent_will_not_complete',
  'waits_for_batch',
  'limit_reached',
  'no_worker',
  'no_handler',
  'waits_its_turn',
  'about_to_start',
] as const;
export type ReasonCode = (typeof reasonCodes)[number];

export const limitScopes = ['queue', 'organization', 'share', 'jobType', 'concurrencyKey'] as const;
export const limitKinds = ['runningAtOnce', 'startsPerMinute'] as const;

/** A limit and how much of it is used. `share`: the organisation's own in this queue. */
export class UsedLimitDto {
  @ApiProperty({ enum: limitScopes })
  scope!: (typeof limitScopes)[number];
  @ApiProperty({ enum: limitKinds })
  kind!: (typeof limitKinds)[number];
  /** @example imports */
  name!: string;
  used!: number;
  most!: number;
}

export class ParentDto {
  id!: string;
  /** @example dataset.import */
  jobType!: string;
  /** `queued` says no more than that it has not ended. */
  @ApiProperty({ enum: ['queued', 'completed', 'failed', 'cancelled'] })
  status!: 'queued' | 'completed' | 'failed' | 'cancelled';
}

export class AwaitedBatchDto {
  id!: string;
  name!: string | null;
  total!: number;
  /** Of its jobs, those that have not ended. */
  pending!: number;
}

export class PlaceDto {
  /** Jobs of its own organisation that come first; 10,000 stands for that or more. */
  ahead!: number;
  /** Organisations that take turns in the queue, its own included; 1,000 stands for that or more. */
  organizations!: number;
}

/** One reason; beside the code and the sentence stands what belongs to that code. */
export class ReasonDto {
  @ApiProperty({ enum: reasonCodes })
  code!: ReasonCode;
  /** @example The queue "imports" has been paused since 2026-03-08T09:30:00.000Z by Ada Lovelace: the warehouse moves tonight. */
  message!: string;
  /** When it ended, started, or is due. */
  at?: Date;
  pause?: PauseDto;
  parents?: ParentDto[];
  batch?: AwaitedBatchDto;
  limit?: UsedLimitDto;
  place?: PlaceDto;
}

export class EstimateDto {
  /** If all goes on as in the last minutes. */
  startsAt!: Date;
  /** Jobs of the organisation that started in this queue, and in how many seconds: what the estimate is made of. */
  recentStarts!: number;
  recentSeconds!: number;
}

export class ExplanationDto {
  jobId!: string;
  @ApiProperty({ enum: jobStates })
  status!: JobState;
  /** What matters most comes first; several may hold at once. */
  reasons!: ReasonDto[];
  /** Only for a job that waits its turn and nothing else; null where too few have started lately to tell. */
  estimate!: EstimateDto | null;
}
