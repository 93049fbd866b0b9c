import { Body, HttpCode, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { AdminController, CurrentPrincipal, Idempotent, type Principal, RateLimit } from '../../platform/http/index.js';
import { JobWithAttemptsDto } from '../job.dto.js';
import { BulkActionRequests } from './bulk-action-requests.js';
import { BulkActionDto, BulkPreviewDto } from './bulk-action.dto.js';

@ApiTags('background jobs')
@AdminController('background-jobs/bulk-actions')
export class BulkActionsController {
  constructor(private readonly requests: BulkActionRequests) {}

  /**
   * Retries, cancels or deletes all jobs that match the filter now, as a job that can be watched and cancelled; one at a time in an
   * organisation. With `dryRun` it only counts them and shows the newest.
   */
  @Post()
  @HttpCode(202)
  @RateLimit('bulkActions')
  @Idempotent()
  @ApiAcceptedResponse({ type: JobWithAttemptsDto, description: 'The job that does it.' })
  @ApiOkResponse({ type: BulkPreviewDto, description: 'With `dryRun`: what it would be done to.' })
  async act(
    @CurrentPrincipal() principal: Principal,
    @Body() body: BulkActionDto,
    @CallOrigin() origin: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobWithAttemptsDto | BulkPreviewDto> {
    if (body.dryRun) {
      void reply.status(200);
      return this.requests.preview(principal, body);
    }
    const job = await this.requests.start(principal, body, origin);
    void reply.header('location', `${reply.request.url.split('?')[0]!.replace(/\/bulk-actions$/, '')}/${job.id}`);
    return job;
  }
}
