import { Controller, Get, HttpCode, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { JobReader, ownJobOf } from '../jobs/index.js';
import { Database } from '../platform/database/index.js';
import {
  AllowScope,
  CurrentPrincipal,
  Idempotent,
  type Principal,
  RequireRole,
  UuidParam,
} from '../platform/http/index.js';
import { JobQueue } from '../platform/queue/index.js';
import {
  AcceptedJobDto,
  DatasetListQueryDto,
  DatasetPageDto,
  DatasetRowsDto,
  DatasetRowsQueryDto,
  DatasetWithSchemaDto,
} from './dataset.dto.js';
import { DatasetReader } from './dataset-reader.js';
import { attachment } from './file-name.js';

@ApiTags('datasets')
@Controller('api/v2/datasets')
export class DatasetsController {
  constructor(
    private readonly reader: DatasetReader,
    private readonly database: Database,
    private readonly queue: JobQueue,
    private readonly jobs: JobReader,
  ) {}

  /** The organisation's datasets, newest first. */
  @Get()
  @RequireRole('Member')
  @AllowScope('datasets:read')
  list(@CurrentPrincipal() principal: Principal, @Query() page: DatasetListQueryDto): Promise<DatasetPageDto> {
    return this.reader.list(principal, page);
  }

  /** One dataset with its schema and the rows that could not be read. */
  @Get(':id')
  @RequireRole('Member')
  @AllowScope('datasets:read')
  one(@CurrentPrincipal() principal: Principal, @UuidParam('id', 'dataset') id: string): Promise<DatasetWithSchemaDto> {
    return this.reader.one(principal, id);
  }

  /** Its rows, in the order of the file. */
  @Get(':id/rows')
  @RequireRole('Member')
  @AllowScope('datasets:read')
  rows(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('id', 'dataset') id: string,
    @Query() page: DatasetRowsQueryDto,
  ): Promise<DatasetRowsDto> {
    return this.reader.rows(principal, id, page);
  }

  /** Has the dataset written as CSV; the job's result names where to fetch it. */
  @Post(':id/export')
  @Idempotent()
  @HttpCode(202)
  @RequireRole('Member')
  @AllowScope('datasets:read')
  async export(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('id', 'dataset') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcceptedJobDto> {
    await this.reader.one(principal, id);
    const { organizationId } = principal;
    const job = await this.database.withOrganization(organizationId, (tx) =>
      this.queue.enqueue(tx, {
        organizationId,
        jobType: 'dataset.export',
        payload: { datasetId: id },
        subject: { type: 'dataset', id },
        createdBy: principal.id,
      }),
    );
    reply.header('location', `/api/v2/jobs/${job.id}`);
    return { job: ownJobOf(await this.jobs.own(principal, job.id)) };
  }

  /** The file that an export has written; kept for seven days. */
  @Get(':id/exports/:jobId')
  @RequireRole('Member')
  @AllowScope('datasets:read')
  @ApiProduces('text/csv')
  async download(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('id', 'dataset') id: string,
    @UuidParam('jobId', 'export') jobId: string,
  ): Promise<StreamableFile> {
    const { name, bytes, content } = await this.reader.openExport(principal, id, jobId);
    return new StreamableFile(content, {
      type: 'text/csv; charset=utf-8',
      disposition: attachment(name),
      length: bytes,
    });
  }
}
