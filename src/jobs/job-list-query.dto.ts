/** What lists of jobs can be narrowed by; all conditions hold at once. */
import { ApiProperty, OmitType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsIn, IsObject, IsOptional, IsString, IsUUID, Length } from 'class-validator';
import { type JobState, jobStates } from '@carillon/job-engine';
import { PageQuery, QueryInteger, QueryList } from '../platform/http/index.js';
import { IsInstant } from './instant.js';

/** The JSON text read; what is none stays text, and fails `IsObject`. */
function parseJson({ value }: { value: unknown }): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

export class JobListQueryDto extends PageQuery {
  /** One or several by comma. */
  @QueryList()
  @ArrayMaxSize(jobStates.length)
  @IsIn(jobStates, { each: true })
  status?: JobState[];

  @IsOptional()
  @IsString()
  @Length(1, 63)
  queue?: string;

  @IsOptional()
  @IsString()
  @Length(1, 100)
  jobType?: string;

  @QueryInteger(-32_768, 32_767)
  priority?: number;

  @IsOptional()
  @IsString()
  @Length(1, 64)
  tag?: string;

  @IsOptional()
  @IsUUID()
  createdBy?: string;

  @IsOptional()
  @IsUUID()
  organizationId?: string;

  /** Of jobs that failed or were cancelled; with `status=queued` of those whose last attempt failed so. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  errorCode?: string;

  /** Created at this instant or later. */
  @IsOptional()
  @IsInstant()
  from?: Date;

  /** Created before this instant. */
  @IsOptional()
  @IsInstant()
  to?: Date;

  /** Text within the job type, the error message or the subject's id; letter case does not matter. See `searchedTo`. */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  q?: string;

  /** A JSON object that the payload contains, e.g. `{"uploadId":"…"}`. See `searchedTo`. */
  @IsOptional()
  @Transform(parseJson)
  @ApiProperty({ type: String, required: false })
  @IsObject({ message: 'payload must be a JSON object such as {"datasetId":"…"}' })
  payload?: Record<string, unknown>;

  /** `-createdAt` (default): newest first; `createdAt`: oldest first. */
  @IsOptional()
  @IsIn(['-createdAt', 'createdAt'])
  sort?: '-createdAt' | 'createdAt';
}

/** The filters of the list; all that meet them are written out. */
export class JobExportQueryDto extends OmitType(JobListQueryDto, ['skip', 'limit', 'cursor'] as const) {}

/** What the list may be narrowed by, without its paging. */
export type JobFilter = Omit<JobListQueryDto, keyof PageQuery | 'sort'>;

export class JobLogQueryDto extends OmitType(PageQuery, ['cursor'] as const) {}
