import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { JobState } from '@carillon/job-engine';

/** A job as its readers see it: the row, and for a running job what its claim and its progress add. Written by the engine alone. */
@Entity('background_job_view', { synchronize: false })
export class BackgroundJob {
  @PrimaryColumn('uuid')
  id!: string;
  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;
  @Column('text')
  queue!: string;
  @Column('text', { name: 'job_type' })
  jobType!: string;
  @Column('text')
  status!: JobState;
  @Column('smallint')
  priority!: number;
  @Column('jsonb')
  payload!: Record<string, unknown>;
  @Column('jsonb', { nullable: true })
  result!: unknown;
  @Column('text', { name: 'error_message', nullable: true })
  errorMessage!: string | null;
  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;
  @Column('smallint')
  progress!: number;
  @Column('text', { name: 'progress_message', nullable: true })
  progressMessage!: string | null;
  @Column('int', { name: 'retry_count' })
  retryCount!: number;
  @Column('int', { name: 'max_retries' })
  maxRetries!: number;
  @Column('timestamptz', { name: 'next_retry_at', nullable: true })
  nextRetryAt!: Date | null;
  @Column('timestamptz', { name: 'run_at' })
  runAt!: Date;
  @Column('int', { name: 'timeout_seconds', nullable: true })
  timeoutSeconds!: number | null;
  @Column('text', { array: true })
  tags!: string[];
  @Column('text', { name: 'subject_type', nullable: true })
  subjectType!: string | null;
  @Column('text', { name: 'subject_id', nullable: true })
  subjectId!: string | null;
  @Column('uuid', { name: 'schedule_id', nullable: true })
  scheduleId!: string | null;
  @Column('uuid', { name: 'batch_id', nullable: true })
  batchId!: string | null;
  @Column('text', { name: 'unique_key', nullable: true })
  uniqueKey!: string | null;
  @Column('text', { name: 'concurrency_key', nullable: true })
  concurrencyKey!: string | null;
  @Column('timestamptz', { name: 'cancel_requested_at', nullable: true })
  cancelRequestedAt!: Date | null;
  @Column('text', { name: 'cancel_reason', nullable: true })
  cancelReason!: string | null;
  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;
  @Column('timestamptz', { name: 'completed_at', nullable: true })
  completedAt!: Date | null;
  @Column('text', { nullable: true })
  worker!: string | null;
  @Column('uuid', { name: 'created_by', nullable: true })
  createdBy!: string | null;
  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
  @Column('timestamptz', { name: 'updated_at' })
  updatedAt!: Date;
}
