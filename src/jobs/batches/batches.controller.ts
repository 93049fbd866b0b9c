import { Body, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AdminController,
  AllowScope,
  CurrentPrincipal,
  Idempotent,
  type Principal,
  UuidParam,
} from '../../platform/http/index.js';
import { announceCreated, CreationHeaders } from '../created-answer.js';
import type { JobRequestHeaders } from '../job-requests.js';
import { BatchListQueryDto, BatchPageDto, BatchWithCompletionDto, CreatedBatchDto, NewBatchDto } from './batch.dto.js';
import { BatchRequests } from './batch-requests.js';

/** Jobs that are counted together, with one job that runs when the last of them has ended. */
@ApiTags('background jobs')
@AdminController('background-jobs/batches')
export class BatchesController {
  constructor(private readonly batches: BatchRequests) {}

  /** Batches, newest first. */
  @Get()
  list(@CurrentPrincipal() principal: Principal, @Query() query: BatchListQueryDto): Promise<BatchPageDto> {
    return this.batches.list(principal, query);
  }

  /** Creates a batch with up to 1,000 jobs of one organisation, and the job that completes it: all or none. */
  @Post()
  @HttpCode(202)
  @AllowScope('jobs:create')
  @Idempotent()
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: NewBatchDto,
    @CreationHeaders() headers: JobRequestHeaders,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedBatchDto> {
    const batch = await this.batches.create(principal, body, headers);
    announceCreated(reply, batch.id, false);
    return batch;
  }

  /** One batch with its counts, its progress and its completion job. */
  @Get(':batchId')
  one(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('batchId', 'batch') batchId: string,
  ): Promise<BatchWithCompletionDto> {
    return this.batches.one(principal, batchId);
  }
}
