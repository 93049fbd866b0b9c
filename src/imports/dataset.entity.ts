import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from './bigint-as-number.js';
import type { Encoding, Format } from './formats/format.js';
import type { Column as DatasetColumn } from './formats/schema.js';
import type { BadRow } from './formats/table-reader.js';

export interface DatasetFormat {
  name: Format['name'];
  encoding: Encoding;
  delimiter: string | null;
}

/** A table made of one upload; its id is the id of the job that made it. Unpublished, it is nobody's business but its run's. */
@Entity('datasets')
export class Dataset {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('uuid', { name: 'upload_id' })
  uploadId!: string;

  /** Fencing token of the run whose rows count. */
  @Column('bigint')
  run!: string;

  @Column('text')
  name!: string;

  @Column('text', { name: 'file_name' })
  fileName!: string;

  @Column('bigint', { transformer: bigintAsNumber })
  bytes!: number;

  @Column('text')
  sha256!: string;

  @Column('jsonb')
  format!: DatasetFormat;

  @Column('jsonb')
  columns!: DatasetColumn[];

  @Column('int', { name: 'row_count' })
  rowCount!: number;

  @Column('int', { name: 'bad_row_count' })
  badRowCount!: number;

  @Column('jsonb', { name: 'bad_row_samples' })
  badRowSamples!: BadRow[];

  @Column('uuid', { name: 'created_by', nullable: true })
  createdBy!: string | null;

  @Column('timestamptz', { name: 'published_at', nullable: true })
  publishedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;
}
