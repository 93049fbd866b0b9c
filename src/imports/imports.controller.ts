import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JobReader, ownJobOf } from '../jobs/index.js';
import { CONFIG, type Config } from '../platform/config/index.js';
import {
  AllowScope,
  CurrentPrincipal,
  Idempotent,
  type Principal,
  RateLimit,
  RequireRole,
} from '../platform/http/index.js';
import { AcceptedJobDto } from './dataset.dto.js';
import { ImportIntake } from './import-intake.js';
import { openUploadForm } from './upload-form.js';

@ApiTags('imports')
@Controller('api/v2/imports')
export class ImportsController {
  constructor(
    private readonly intake: ImportIntake,
    private readonly jobs: JobReader,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Takes a CSV, TSV, NDJSON or JSON file and answers the job that makes a dataset of it. */
  @Post()
  @HttpCode(202)
  @RequireRole('Member')
  @AllowScope('imports:create')
  @RateLimit('imports')
  @Idempotent()
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: {
      type: 'object',
      required: ['file'],
      properties: { file: { type: 'string', format: 'binary' } },
      additionalProperties: false,
    },
  })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcceptedJobDto> {
    const form = await openUploadForm(request, this.config.storage.maxImportBytes);
    const { id } = await this.intake.accept(
      {
        organizationId: principal.organizationId,
        userId: principal.id,
        fileName: form.file.filename,
        contentType: form.file.mimetype,
      },
      form.file.file,
      () => form.end(),
    );
    reply.header('location', `/api/v2/jobs/${id}`);
    return { job: ownJobOf(await this.jobs.own(principal, id)) };
  }
}
