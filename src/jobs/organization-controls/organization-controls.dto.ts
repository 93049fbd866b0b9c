import { Limit, PauseDto, Weight } from '../controls/control.dto.js';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

/** What an organisation may take of the engine, over all queues. */
export class JobControlsDto {
  organizationId!: string;
  /** @example Acme */
  organizationName!: string;
  /** Of its turns, where several organisations have jobs waiting; alone, it gets all. */
  weight!: number;
  /** Its jobs that may run at once; null: no limit. */
  maxRunning!: number | null;
  /** Its jobs that may start in any 60 seconds. */
  perMinute!: number | null;
  /** Jobs that may wait before new ones are refused with 429. Soft: counted at most once a second. */
  maxQueued!: number | null;
  /** Bytes of payload that may wait. */
  maxQueuedBytes!: number | null;
  pause!: PauseDto | null;
}

/** What is left out stays as it is; null removes the limit, and of the weight makes 1. */
export class ChangeJobControlsDto {
  @Weight()
  weight?: number | null;

  @Limit()
  maxRunning?: number | null;

  @Limit()
  perMinute?: number | null;

  @Limit(0, 2_147_483_647)
  maxQueued?: number | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  maxQueuedBytes?: number | null;
}
