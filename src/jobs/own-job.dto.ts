import { ApiProperty, OmitType } from '@nestjs/swagger';
import { JobDto } from './job.dto.js';

/** A person's own job: `queued` and `processing` both read `running`. */
export class OwnJobDto extends OmitType(JobDto, ['status', 'worker'] as const) {
  @ApiProperty({ enum: ['running', 'completed', 'failed', 'cancelled'] })
  status!: 'running' | 'completed' | 'failed' | 'cancelled';
  /** The dataset that the job is about. */
  relatedDatasetId?: string;
}

export class OwnActiveJobsDto {
  jobs!: OwnJobDto[];
}
