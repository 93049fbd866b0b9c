import { IsIn, IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { IsInstant } from '../instant.js';

export const granularities = ['hour', 'day'] as const;
export type Granularity = (typeof granularities)[number];

/** The period is widened to whole hours or days (UTC), in which ends of jobs are counted. */
export class JobStatisticsQueryDto {
  /** Default: 24 hours before `to`. */
  @IsOptional()
  @IsInstant()
  from?: Date;

  /** Default: now. */
  @IsOptional()
  @IsInstant()
  to?: Date;

  /** Of the series. Default: `hour` up to a week, as far back as hours are kept; else `day`. */
  @IsOptional()
  @IsIn(granularities)
  granularity?: Granularity;

  @IsOptional()
  @IsString()
  @Length(1, 200)
  jobType?: string;

  @IsOptional()
  @IsString()
  @Length(1, 63)
  queue?: string;

  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

/** Jobs that ended within the period. */
export class EndedCountsDto {
  completed!: number;
  failed!: number;
  cancelled!: number;
}

/** `queued` and `processing`: at this moment; the others: ended within the period. */
export class JobCountsDto extends EndedCountsDto {
  queued!: number;
  processing!: number;
}

/** Milliseconds that half, 95 % and 99 % of the attempts did not exceed; within 19 %, as they are told from logarithmic buckets. */
export class PercentilesDto {
  p50!: number;
  p95!: number;
  p99!: number;
}

export class EndedJobsDto {
  /** Jobs that ended: completed, failed or cancelled. */
  total!: number;
  counts!: EndedCountsDto;
  /** Attempts that failed and were tried again. */
  retried!: number;
  /** Attempts that were lost with their worker, and tried again. */
  lost!: number;
  /** Completed of completed and failed, 0–1; null while none has ended so. */
  successRate!: number | null;
  /** Jobs that ended, of the part of the period that has passed. */
  throughputPerMinute!: number;
  /** From when an attempt could have begun to its beginning; null where none began. */
  waitMilliseconds!: PercentilesDto | null;
  /** From the beginning of an attempt to its end. */
  runMilliseconds!: PercentilesDto | null;
}

export class JobTypeFiguresDto extends EndedJobsDto {
  jobType!: string;
}

export class QueueFiguresDto extends EndedJobsDto {
  queue!: string;
  /** Now, due later and held back included. */
  queued!: number;
  processing!: number;
}

export class OrganizationFiguresDto extends EndedJobsDto {
  organizationId!: string;
  name!: string;
}

export class JobStatisticsPointDto extends EndedCountsDto {
  /** The hour or day (UTC) that begins here. */
  at!: Date;
  retried!: number;
  lost!: number;
  waitMilliseconds!: PercentilesDto | null;
  runMilliseconds!: PercentilesDto | null;
}

/** Counted as jobs end, and folded every second: what has just ended may be missing for so long. */
export class JobStatisticsDto extends EndedJobsDto {
  from!: Date;
  to!: Date;
  granularity!: Granularity;
  declare counts: JobCountsDto;
  /** More wait than are counted one by one: `queued` is a lower bound (or, of one type, extrapolated). */
  queuedIsEstimate?: true;
  /** By number of jobs that ended, most first. */
  byType!: JobTypeFiguresDto[];
  /** Every queue in which something ended, waits or runs. */
  byQueue!: QueueFiguresDto[];
  /** For a SystemAdmin who looks at all organisations without further filters: the 20 in which most jobs ended. */
  byOrganization?: OrganizationFiguresDto[];
  /** Every hour or day of the period up to now, oldest first. */
  series!: JobStatisticsPointDto[];
}
