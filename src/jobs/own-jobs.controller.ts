import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AllowScope, CurrentPrincipal, type Principal, RequireRole, UuidParam } from '../platform/http/index.js';
import { announceCreated, CreationHeaders, idempotencyKeyHeader } from './created-answer.js';
import { ownJobOf } from './job-representation.js';
import { JobReader } from './job-reader.js';
import { type JobRequestHeaders, JobRequests } from './job-requests.js';
import { NewJobDto } from './new-job.dto.js';
import { OwnActiveJobsDto, OwnJobDto } from './own-job.dto.js';

/** A person's, or a key's, own jobs: those it asked for itself, whatever its role. */
@ApiTags('own jobs')
@Controller('api/v2/jobs')
export class OwnJobsController {
  constructor(
    private readonly reader: JobReader,
    private readonly requests: JobRequests,
  ) {}

  /** Own jobs that run, those queued or failed within the last hour, and those completed or cancelled within five minutes. */
  @Get('active')
  @RequireRole('Member')
  @AllowScope('jobs:read')
  async active(@CurrentPrincipal() principal: Principal): Promise<OwnActiveJobsDto> {
    const jobs = await this.reader.ownActive(principal);
    return { jobs: jobs.map(ownJobOf) };
  }

  /** One own job. */
  @Get(':id')
  @RequireRole('Member')
  @AllowScope('jobs:read')
  async one(@CurrentPrincipal() principal: Principal, @UuidParam('id', 'job') id: string): Promise<OwnJobDto> {
    return ownJobOf(await this.reader.own(principal, id));
  }

  /** Creates a job, as `POST /api/system/background-jobs` does. */
  @Post()
  @HttpCode(202)
  @RequireRole('SystemAdmin')
  @AllowScope('jobs:create')
  @ApiHeader(idempotencyKeyHeader)
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: NewJobDto,
    @CreationHeaders() headers: JobRequestHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OwnJobDto> {
    const { job, replayed } = await this.requests.create(principal, body, headers);
    announceCreated(reply, job.id, replayed);
    return ownJobOf(job);
  }
}
