import { IsOptional, IsString, Length } from 'class-validator';
import { IsInstant } from './instant.js';

/** The period: jobs created from `from` on and before `to`. */
export class JobStatisticsQueryDto {
  /** Default: 24 hours before `to`. */
  @IsOptional()
  @IsInstant()
  from?: Date;

  /** Default: now. */
  @IsOptional()
  @IsInstant()
  to?: Date;

  @IsOptional()
  @IsString()
  @Length(1, 100)
  jobType?: string;
}

export class JobCountsDto {
  queued!: number;
  processing!: number;
  completed!: number;
  failed!: number;
  cancelled!: number;
}

/** Milliseconds that half, 95 % and 99 % of the jobs did not exceed. */
export class PercentilesDto {
  p50!: number;
  p95!: number;
  p99!: number;
}

export class JobFiguresDto {
  total!: number;
  counts!: JobCountsDto;
  /** Completed of completed and failed, 0–1; null while none has ended so. */
  successRate!: number | null;
  /** From when a job could have run to the start of its first and only attempt; null where no job ran. */
  waitMilliseconds!: PercentilesDto | null;
  /** From the start of the last attempt to its end, of completed and failed jobs. */
  runMilliseconds!: PercentilesDto | null;
}

export class JobTypeFiguresDto extends JobFiguresDto {
  jobType!: string;
}

export class JobStatisticsDto extends JobFiguresDto {
  from!: Date;
  to!: Date;
  /** The period holds as many jobs as are looked at at most (100,000) or more: the figures are those of the newest. */
  truncated!: boolean;
  /** By number of jobs, most first. */
  byType!: JobTypeFiguresDto[];
}
