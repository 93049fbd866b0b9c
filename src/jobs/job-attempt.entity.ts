import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One attempt that has ended; written once, by the statement that ended it. */
@Entity('job_attempts')
export class JobAttempt {
  @PrimaryColumn('uuid', { name: 'job_id' })
  jobId!: string;
  /** 1 for the first. */
  @PrimaryColumn('int')
  number!: number;
  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;
  @Column('text', { nullable: true })
  worker!: string | null;
  @Column('text')
  outcome!: 'completed' | 'failed' | 'timed_out' | 'discarded' | 'cancelled' | 'worker_lost';
  @Column('text', { name: 'error_code', nullable: true })
  errorCode!: string | null;
  @Column('text', { name: 'error_message', nullable: true })
  errorMessage!: string | null;
  /** For operators with access to the database; no route answers it. */
  @Column('text', { name: 'error_stack', nullable: true, select: false })
  errorStack!: string | null;
  @Column('timestamptz', { name: 'started_at' })
  startedAt!: Date;
  @Column('timestamptz', { name: 'ended_at' })
  endedAt!: Date;
}
