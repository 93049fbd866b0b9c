import { Body, Controller, Get, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequireRole } from '../../platform/http/index.js';
import { Caller, tagged } from '../controls/control-caller.js';
import type { ControlCaller } from '../controls/control-changes.js';
import { PauseRequestDto } from '../controls/control.dto.js';
import { JobTypeAdministration, jobTypeTag } from './job-type-administration.js';
import { ChangeJobTypeDto, JobTypeDto, JobTypesDto } from './job-type.dto.js';

/** What runs, and how much of it. The ETag is that of what an administrator may set. */
@ApiTags('job types')
@Controller('api/system/job-types')
@RequireRole('SystemAdmin')
export class JobTypesController {
  constructor(private readonly types: JobTypeAdministration) {}

  /** All job types by name: what their handlers declare, what is set instead, and what holds. */
  @Get()
  async list(): Promise<JobTypesDto> {
    return { jobTypes: await this.types.list() };
  }

  /** One job type, by its name or an alias. */
  @Get(':type')
  async one(@Param('type') type: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<JobTypeDto> {
    return answer(reply, await this.types.one(type));
  }

  /** Sets limits and retention; null goes back to what the handler declares. Running jobs go on. */
  @Put(':type')
  async change(
    @Caller() caller: ControlCaller,
    @Param('type') type: string,
    @Body() changes: ChangeJobTypeDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobTypeDto> {
    return answer(reply, await this.types.change(caller, type, changes));
  }

  /** Starts no more jobs of the type, in whatever queue and organisation, until it is resumed; running jobs go on. */
  @Post(':type/pause')
  @HttpCode(200)
  async pause(
    @Caller() caller: ControlCaller,
    @Param('type') type: string,
    @Body() { reason }: PauseRequestDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobTypeDto> {
    return answer(reply, await this.types.pause(caller, type, reason));
  }

  /** Lets the type's jobs go on. */
  @Post(':type/resume')
  @HttpCode(200)
  async resume(
    @Caller() caller: ControlCaller,
    @Param('type') type: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobTypeDto> {
    return answer(reply, await this.types.resume(caller, type));
  }
}

const answer = (reply: FastifyReply, type: JobTypeDto): JobTypeDto => tagged(reply, jobTypeTag(type), type);
