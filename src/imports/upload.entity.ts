import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from './bigint-as-number.js';

/** A file as it was uploaded. */
@Entity('uploads')
export class Upload {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  /** The import that was made for it. */
  @Column('uuid', { name: 'job_id' })
  jobId!: string;

  /** As the uploader called it, made fit for display; never part of a path. */
  @Column('text', { name: 'file_name' })
  fileName!: string;

  @Column('text', { name: 'content_type', nullable: true })
  contentType!: string | null;

  @Column('bigint', { transformer: bigintAsNumber })
  bytes!: number;

  /** Hexadecimal. */
  @Column('text')
  sha256!: string;

  @Column('uuid', { name: 'created_by', nullable: true })
  createdBy!: string | null;

  /** Since when nothing of it waits in the staging area. */
  @Column('timestamptz', { name: 'settled_at', nullable: true })
  settledAt!: Date | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
