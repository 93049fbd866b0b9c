import { Body, Controller, Get, HttpCode, Post, Put, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequireRole, UuidParam } from '../../platform/http/index.js';
import { Caller, tagged } from '../controls/control-caller.js';
import type { ControlCaller } from '../controls/control-changes.js';
import { PauseRequestDto } from '../controls/control.dto.js';
import { jobControlsTag, OrganizationControls } from './organization-controls.js';
import { ChangeJobControlsDto, JobControlsDto } from './organization-controls.dto.js';

const OrganizationId = () => UuidParam('organizationId', 'organisation');

/** What each organisation may take of the engine, over all queues. */
@ApiTags('job controls')
@Controller('api/system/organizations/:organizationId/job-controls')
@RequireRole('SystemAdmin')
export class OrganizationControlsController {
  constructor(private readonly controls: OrganizationControls) {}

  /** The organisation's weight, limits, quotas and pause. */
  @Get()
  async read(
    @Caller() caller: ControlCaller,
    @OrganizationId() organizationId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.of(caller, organizationId));
  }

  /** Sets what is given; null removes a limit. Running jobs go on. */
  @Put()
  async change(
    @Caller() caller: ControlCaller,
    @OrganizationId() organizationId: string,
    @Body() changes: ChangeJobControlsDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.change(caller, organizationId, changes));
  }

  /** Starts no more jobs of the organisation until it is resumed; running jobs go on. */
  @Post('pause')
  @HttpCode(200)
  async pause(
    @Caller() caller: ControlCaller,
    @OrganizationId() organizationId: string,
    @Body() { reason }: PauseRequestDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.pause(caller, organizationId, reason));
  }

  /** Lets the organisation's jobs go on. */
  @Post('resume')
  @HttpCode(200)
  async resume(
    @Caller() caller: ControlCaller,
    @OrganizationId() organizationId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.resume(caller, organizationId));
  }
}

/** The same for an OrgAdmin of its own organisation: it reads what the platform has set, and pauses and resumes its own jobs. */
@ApiTags('job controls')
@Controller('api/organization/job-controls')
@RequireRole('OrgAdmin')
export class OwnJobControlsController {
  constructor(private readonly controls: OrganizationControls) {}

  /** The weight, limits, quotas and pause of one's own organisation. */
  @Get()
  async read(
    @Caller() caller: ControlCaller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.of(caller, caller.principal.organizationId));
  }

  /** Starts no more jobs of one's own organisation until it is resumed; running jobs go on. */
  @Post('pause')
  @HttpCode(200)
  async pause(
    @Caller() caller: ControlCaller,
    @Body() { reason }: PauseRequestDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.pause(caller, caller.principal.organizationId, reason));
  }

  /** Lets one's own jobs go on; 409 where an administrator of the installation has paused them. */
  @Post('resume')
  @HttpCode(200)
  async resume(
    @Caller() caller: ControlCaller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobControlsDto> {
    return answer(reply, await this.controls.resume(caller, caller.principal.organizationId));
  }
}

const answer = (reply: FastifyReply, controls: JobControlsDto): JobControlsDto =>
  tagged(reply, jobControlsTag(controls), controls);
