/** What is asked of many jobs at once, and what it would hit. */
import { ApiProperty, OmitType, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { IsInstant } from '../instant.js';
import { JobListQueryDto } from '../job-list-query.dto.js';
import { JobDto } from '../job.dto.js';

export const bulkActions = ['retry', 'cancel', 'delete'] as const;
export type BulkAction = (typeof bulkActions)[number];

/** As the list of jobs is narrowed. Where it names no status: `failed` for retry and delete, `queued` and `processing` for cancel. */
export class BulkFilterDto extends OmitType(JobListQueryDto, ['skip', 'limit', 'cursor', 'sort'] as const) {
  /**
   * What the payload contains.
   * @example { "uploadId": "019aa000-0000-7000-8000-000000000001" }
   */
  @IsOptional()
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false })
  @IsObject()
  override payload?: Record<string, unknown>;
}

export class BulkActionDto {
  /**
   * `retry`: ended jobs run again. `cancel`: waiting jobs end at once, running ones are told to. `delete`: ended jobs for which nobody
   * waits go, with their history.
   */
  @IsIn(bulkActions)
  @ApiProperty({ enum: bulkActions })
  action!: BulkAction;

  /** Which jobs; `{}` is all within reach that the action can be done to. */
  @IsObject()
  @ValidateNested()
  @Type(() => BulkFilterDto)
  filter!: BulkFilterDto;

  /**
   * Kept with each cancelled job and in the audit log.
   * @example the supplier has sent the file twice
   */
  @IsOptional()
  @IsString()
  @Length(1, 500)
  reason?: string;

  /** Counts and shows, and changes nothing. */
  @IsOptional()
  @IsBoolean()
  dryRun?: boolean;
}

export class BulkPreviewDto {
  @ApiProperty({ enum: bulkActions })
  action!: BulkAction;
  /** Jobs that match now: exact to 10,000. */
  total!: number;
  /** There are more than 10,000. */
  totalIsEstimate?: true;
  /** The newest ten of them. */
  sample!: JobDto[];
}

/** Of a job of type `jobs.bulk`: what was asked, when, and how far it reaches. */
export class BulkActionPayload extends PickType(BulkActionDto, ['action', 'filter', 'reason'] as const) {
  /** Jobs that came later are left alone, and so are those that ended later. */
  @IsInstant()
  createdBefore!: Date;

  /** Every organisation's jobs; counts only where a SystemAdmin has asked for it. Otherwise those of the job's own organisation. */
  @IsOptional()
  @IsBoolean()
  allOrganizations?: boolean;
}
