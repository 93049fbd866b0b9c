/** Job types as an administrator sees and sets them. */
import { Limit, PauseDto } from '../controls/control.dto.js';

export class JobTypeLimitsDto {
  /** Jobs of the type that run at once, over all processes and organisations; null: no limit. */
  maxRunning!: number | null;
  /** Jobs of the type that start in any 60 seconds. */
  perMinute!: number | null;
  /** Jobs of one organisation with the same concurrency key that run at once; 1 where nobody says otherwise. */
  keyMaxRunning!: number | null;
  keyPerMinute!: number | null;
}

/** For how many days ended jobs are kept; null: as the installation keeps them. */
export class JobTypeRetentionDto {
  keepCompletedDays!: number | null;
  keepFailedDays!: number | null;
  keepCancelledDays!: number | null;
}

export class JobTypeDto {
  /** @example dataset.import */
  type!: string;
  /** Older names to which it still answers. */
  aliases!: string[];
  /** The queue of its jobs unless they name another; null for a type that this process has no handler for. */
  queue!: string | null;
  maxRetries!: number | null;
  timeoutSeconds!: number | null;
  /** Work of the system itself, which nobody may ask for. */
  internal!: boolean;
  /** Whether this process has a handler for it. */
  handled!: boolean;
  /** What its handler declares. */
  declaredLimits!: JobTypeLimitsDto;
  /** What an administrator has set instead; null leaves it as declared. */
  setLimits!: JobTypeLimitsDto;
  /** What holds. */
  effectiveLimits!: JobTypeLimitsDto;
  retention!: JobTypeRetentionDto;
  pause!: PauseDto | null;
}

export class JobTypesDto {
  jobTypes!: JobTypeDto[];
}

/** What is left out stays as it is; null: as the handler declares it, or, of days, as the installation keeps ended jobs. */
export class ChangeJobTypeDto {
  @Limit()
  maxRunning?: number | null;

  @Limit()
  perMinute?: number | null;

  @Limit(1)
  keyMaxRunning?: number | null;

  @Limit(1)
  keyPerMinute?: number | null;

  /** 0: deleted at the next pruning. */
  @Limit(0, 36_500)
  keepCompletedDays?: number | null;

  @Limit(0, 36_500)
  keepFailedDays?: number | null;

  @Limit(0, 36_500)
  keepCancelledDays?: number | null;
}
