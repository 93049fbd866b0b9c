import { Body, Get, HttpCode, Post, Query, Res, StreamableFile } from '@nestjs/common';
import { CallOrigin, type Origin } from '../platform/audit/index.js';
import { ApiHeader, ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AdminController,
  AllowScope,
  CurrentPrincipal,
  Idempotent,
  type Principal,
  RateLimit,
  UuidParam,
} from '../platform/http/index.js';
import { announceCreated, CreationHeaders, idempotencyKeyHeader } from './created-answer.js';
import { ExplanationDto } from './explain/explanation.dto.js';
import { JobExplainer } from './explain/job-explainer.js';
import { JobActions } from './job-actions.js';
import { JobExport } from './job-export.js';
import { JobExportQueryDto, JobListQueryDto, JobLogQueryDto } from './job-list-query.dto.js';
import { JobReader } from './job-reader.js';
import { type JobRequestHeaders, JobRequests } from './job-requests.js';
import { JobLogPageDto, JobPageDto, JobWithAttemptsDto } from './job.dto.js';
import { JobStatisticsDto, JobStatisticsQueryDto } from './statistics/job-statistics.dto.js';
import { JobStatistics } from './statistics/job-statistics.js';
import { CancelJobDto, CreatedJobsDto, NewJobDto, NewJobsDto } from './new-job.dto.js';

/** Jobs as those see them who run the place: all of them for a SystemAdmin, those of the organisation for an OrgAdmin. */
@ApiTags('background jobs')
@AdminController('background-jobs')
export class BackgroundJobsController {
  constructor(
    private readonly reader: JobReader,
    private readonly requests: JobRequests,
    private readonly actions: JobActions,
    private readonly statistics: JobStatistics,
    private readonly exporter: JobExport,
    private readonly explainer: JobExplainer,
  ) {}

  /** Jobs that meet all of the conditions, newest first. */
  @Get()
  list(@CurrentPrincipal() principal: Principal, @Query() query: JobListQueryDto): Promise<JobPageDto> {
    return this.reader.list(principal, query);
  }

  /** Creates a job. An Idempotency-Key sent again with the same body within 24 hours answers the job it made. */
  @Post()
  @HttpCode(202)
  @AllowScope('jobs:create')
  @ApiHeader(idempotencyKeyHeader)
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: NewJobDto,
    @CreationHeaders() headers: JobRequestHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobWithAttemptsDto> {
    const { job, replayed } = await this.requests.create(principal, body, headers);
    announceCreated(reply, job.id, replayed);
    return job;
  }

  /** Creates up to 1,000 jobs of one organisation: all or none. */
  @Post('bulk')
  @HttpCode(202)
  @AllowScope('jobs:create')
  @Idempotent()
  async createMany(
    @CurrentPrincipal() principal: Principal,
    @Body() body: NewJobsDto,
    @CreationHeaders() headers: JobRequestHeaders,
  ): Promise<CreatedJobsDto> {
    return { ids: await this.requests.createMany(principal, body.jobs, headers) };
  }

  /** What ended within a period (default: the last 24 hours), by type, queue, hour or day, and what waits and runs now. */
  @Get('statistics')
  summary(@CurrentPrincipal() principal: Principal, @Query() query: JobStatisticsQueryDto): Promise<JobStatisticsDto> {
    return this.statistics.of(principal, query);
  }

  /**
   * The same jobs as a CSV file, without payloads and results; it begins at once and may take minutes. Cells that a spreadsheet would
   * run as a formula begin with an apostrophe.
   */
  @Get('export.csv')
  @RateLimit('exports')
  @ApiProduces('text/csv')
  @ApiOkResponse({ schema: { type: 'string' } })
  exportCsv(@CurrentPrincipal() principal: Principal, @Query() query: JobExportQueryDto): StreamableFile {
    return new StreamableFile(this.exporter.csv(principal, query), {
      type: 'text/csv; charset=utf-8',
      disposition: 'attachment; filename="jobs.csv"',
    });
  }

  /** One job with its attempts. */
  @Get(':jobId')
  one(@CurrentPrincipal() principal: Principal, @UuidParam('jobId', 'job') jobId: string): Promise<JobWithAttemptsDto> {
    return this.reader.one(principal, jobId);
  }

  /** Why the job is not running, or where it runs, or how it ended: reasons with a code and a sentence, and when it will probably start. */
  @Get(':jobId/explain')
  explain(@CurrentPrincipal() principal: Principal, @UuidParam('jobId', 'job') jobId: string): Promise<ExplanationDto> {
    return this.explainer.explain(principal, jobId);
  }

  /** What the job's handler logged, oldest first. */
  @Get(':jobId/log')
  log(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('jobId', 'job') jobId: string,
    @Query() query: JobLogQueryDto,
  ): Promise<JobLogPageDto> {
    return this.reader.log(principal, jobId, query);
  }

  /** Ends a queued job at once and tells a running one to end; 409 for one that has ended. */
  @Post(':jobId/cancel')
  @HttpCode(200)
  @RateLimit('jobActions')
  cancel(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('jobId', 'job') jobId: string,
    @Body() body: CancelJobDto,
    @CallOrigin() origin: Origin,
  ): Promise<JobWithAttemptsDto> {
    return this.actions.cancel(principal, jobId, body?.reason, origin);
  }

  /** Runs a job that has ended once more; 409 for one that has not. */
  @Post(':jobId/retry')
  @HttpCode(200)
  @RateLimit('jobActions')
  retry(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('jobId', 'job') jobId: string,
    @CallOrigin() origin: Origin,
  ): Promise<JobWithAttemptsDto> {
    return this.actions.retry(principal, jobId, origin);
  }
}
