import { OmitType } from '@nestjs/swagger';
import { JobDto } from './job.dto.js';

/** A person's own job: `queued` and `processing` both read `running`. */
export class OwnJobDto extends OmitType(JobDto, ['status', 'worker'] as const) {
  status!: 'running' | 'completed' | 'failed' | 'cancelled';
  /** The dataset that the job is about. */
  relatedDatasetId?: string;
}

export class OwnActiveJobsDto {
  jobs!: OwnJobDto[];
}
