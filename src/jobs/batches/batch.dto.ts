/** What is asked for when a batch is created, and what the routes of batches answer. */
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  ValidateNested,
} from 'class-validator';
import { PageQuery } from '../../platform/http/index.js';
import { JobDto } from '../job.dto.js';
import { BatchMemberDto, JobOrderDto } from '../new-job.dto.js';

export class NewBatchDto {
  /** @example nightly export */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  name?: string;

  /** All or none are created; more may be added by `batchId` until the batch has finished. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => BatchMemberDto)
  jobs!: BatchMemberDto[];

  /** Runs once, when the last job of the batch has ended, whichever way; its subject is the batch. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => JobOrderDto)
  completion?: JobOrderDto;

  /** For a SystemAdmin that sends no X-Organization-Id. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

export class BatchDto {
  id!: string;
  organizationId!: string;
  name!: string | null;
  /** Jobs that were ever added. */
  total!: number;
  /** Those that have not ended. */
  pending!: number;
  completed!: number;
  failed!: number;
  cancelled!: number;
  /** Percent of its jobs that have ended, rounded down. */
  progress!: number;
  completionJobId!: string | null;
  createdAt!: Date;
  createdBy!: string | null;
  /** When its last job had ended; it takes no more. */
  finishedAt!: Date | null;
}

export class CreatedBatchDto extends BatchDto {
  /** In the order asked for. A job that held the unique key before is named, but is no member of the batch. */
  jobIds!: string[];
}

export class BatchWithCompletionDto extends BatchDto {
  /** The job that runs at the end; null where none was asked for or it was deleted. */
  completionJob!: JobDto | null;
}

export class BatchPageDto {
  batches!: BatchDto[];
  /** Exact to 10,000. */
  total!: number;
  /** There are more than 10,000. */
  totalIsEstimate?: true;
  /** Pass it as `cursor` for the page that follows; null on the last. */
  nextCursor!: string | null;
}

export class BatchListQueryDto extends PageQuery {
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}
