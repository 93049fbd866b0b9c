/** What is asked for when a job is created. The payload itself is checked against its type (JobTypes). */
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsInstant } from './instant.js';

const smallint = { min: -32_768, max: 32_767 };

const clashPolicies = ['existing', 'replace', 'reject'] as const;

/** What every job may ask for. */
export class JobOrderDto {
  /** @example dataset.export */
  @IsString()
  @Length(1, 100)
  jobType!: string;

  /** As its type demands; `{}` where left out. */
  @IsOptional()
  @IsObject()
  payload?: Record<string, unknown>;

  /** Default: that of the type. */
  @IsOptional()
  @Matches(/^[a-z0-9][a-z0-9._-]{0,62}$/, {
    message: 'queue must be 1 to 63 lower-case letters, digits, dots, dashes or underscores',
  })
  queue?: string;

  /** 1 high, 0 normal, -1 low; any smallint. */
  @IsOptional()
  @IsInt()
  @Min(smallint.min)
  @Max(smallint.max)
  priority?: number;

  /** Not before this instant (ISO 8601). */
  @IsOptional()
  @IsInstant()
  runAt?: Date;

  /** Retries after the first attempt. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(100)
  maxRetries?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(604_800)
  timeoutSeconds?: number;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  tags?: string[];

  /**
   * At most one job of its type in the organisation holds this key, from its creation to its end.
   * @example customer-7
   */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  uniqueKey?: string;

  /** Keeps the unique key for so long after the creation, even when the job ends sooner. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(31_536_000)
  uniqueForSeconds?: number;

  /**
   * When another job holds the unique key: `existing` answers that job; `replace` lets it take this payload, priority, time and the rest
   * over if it still waits, and is refused with 409 if it runs; `reject` is refused with 409.
   */
  @IsOptional()
  @IsIn(clashPolicies)
  onClash?: (typeof clashPolicies)[number];

  /**
   * Jobs of the organisation with the same key run one at a time, or as many as their type's limits say.
   * @example account-12
   */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  concurrencyKey?: string;
}

export class BatchMemberDto extends JobOrderDto {
  /** Ids of jobs of the organisation: this one runs once all of them have completed. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsUUID('all', { each: true })
  after?: string[];
}

export class NewJobDto extends BatchMemberDto {
  /** A batch that has not finished, to count the job among its members. */
  @IsOptional()
  @IsUUID()
  batchId?: string;

  /** For a SystemAdmin that sends no X-Organization-Id. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

export class NewJobsDto {
  /** All or none are created. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => NewJobDto)
  jobs!: NewJobDto[];
}

export class CreatedJobsDto {
  /** In the order asked for. */
  ids!: string[];
}

export class CancelJobDto {
  /** Kept with the job, for those who wonder. */
  @IsOptional()
  @IsString()
  @Length(1, 500)
  reason?: string;
}
