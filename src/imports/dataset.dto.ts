/** What the routes of datasets answer; times are ISO 8601 in UTC. */
import { ApiProperty } from '@nestjs/swagger';
import { OwnJobDto } from '../jobs/index.js';
import { QueryInteger } from '../platform/http/index.js';
import { columnTypes, type ColumnType } from './formats/schema.js';

export class AcceptedJobDto {
  job!: OwnJobDto;
}

export class DatasetListQueryDto {
  /** How many datasets to leave out. */
  @QueryInteger(0, 1_000_000)
  skip: number = 0;

  /** How many to answer, at most 200. */
  @QueryInteger(1, 200)
  limit: number = 50;
}

export class DatasetRowsQueryDto {
  /** How many rows to leave out; deep pages cost no more than the first. */
  @QueryInteger(0, 2_147_483_647)
  skip: number = 0;

  /** How many to answer, at most 200. */
  @QueryInteger(1, 200)
  limit: number = 50;
}

export class DatasetColumnDto {
  /** @example amount */
  name!: string;
  @ApiProperty({ enum: columnTypes })
  type!: ColumnType;
  /** Some row has no value. */
  nullable!: boolean;
  /** What the file called it, where that was empty, taken or too long. */
  was?: string;
}

export class DatasetFormatDto {
  name!: 'csv' | 'tsv' | 'ndjson' | 'json';
  /** @example utf-8 */
  encoding!: string;
  /** null for JSON. */
  delimiter!: string | null;
}

export class BadRowDto {
  /** From 1, the header not counted. */
  row!: number;
  /** Where it begins in the file. */
  line!: number;
  /** @example has 2 values, the header names 3 columns */
  reason!: string;
}

export class DatasetDto {
  /** The id of the job that made it, too. */
  id!: string;
  organizationId!: string;
  name!: string;
  /** As it was uploaded. */
  fileName!: string;
  /** Size of the file. */
  bytes!: number;
  /** Of the file, hexadecimal. */
  sha256!: string;
  format!: DatasetFormatDto;
  rowCount!: number;
  badRowCount!: number;
  columnCount!: number;
  /** The import. */
  jobId!: string;
  /** The user or API key that uploaded it; null for the system. */
  createdBy!: string | null;
  createdAt!: Date;
}

export class DatasetWithSchemaDto extends DatasetDto {
  columns!: DatasetColumnDto[];
  /** The first 1,000 bad rows. */
  badRowSamples!: BadRowDto[];
}

export class DatasetPageDto {
  datasets!: DatasetDto[];
  /** Exact to 10,000. */
  total!: number;
  /** There are more than 10,000. */
  totalIsEstimate?: true;
}

export class DatasetRowsDto {
  /** Objects by column name. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  rows!: Record<string, unknown>[];
  total!: number;
}
