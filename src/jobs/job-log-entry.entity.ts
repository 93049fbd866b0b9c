import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One line that a handler logged. */
@Entity('job_log_entries')
export class JobLogEntry {
  /** A bigint, so text here. */
  @PrimaryColumn('bigint')
  id!: string;
  @Column('uuid', { name: 'job_id' })
  jobId!: string;
  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;
  @Column('int')
  attempt!: number;
  @Column('text')
  level!: 'debug' | 'info' | 'warn' | 'error';
  @Column('text')
  message!: string;
  @Column('jsonb', { nullable: true })
  data!: unknown;
  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
