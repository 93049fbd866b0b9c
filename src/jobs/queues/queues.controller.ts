import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { RequireRole, UuidParam } from '../../platform/http/index.js';
import { Caller, tagged } from '../controls/control-caller.js';
import type { ControlCaller } from '../controls/control-changes.js';
import { PauseRequestDto } from '../controls/control.dto.js';
import { QueueAdministration, queueTag } from './queue-administration.js';
import {
  ChangeQueueDto,
  ChangeQueueShareDto,
  QueueDto,
  QueueShareDto,
  QueueShareQueryDto,
  QueueSharesDto,
  QueuesDto,
} from './queue.dto.js';

/** The installation's queues. The ETag of a queue is that of its limits and its pause, not of the figures beside them. */
@ApiTags('queues')
@Controller('api/system/queues')
@RequireRole('SystemAdmin')
export class QueuesController {
  constructor(private readonly queues: QueueAdministration) {}

  /** All queues by name: how deep they are, what they may do at once, and who paused them. */
  @Get()
  async list(): Promise<QueuesDto> {
    return { queues: await this.queues.list() };
  }

  /** One queue. */
  @Get(':name')
  async one(@Param('name') name: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<QueueDto> {
    return answer(reply, await this.queues.one(name));
  }

  /** Sets the limits that are given, over all organisations and workers; null removes one. Running jobs go on. */
  @Put(':name')
  async change(
    @Caller() caller: ControlCaller,
    @Param('name') name: string,
    @Body() changes: ChangeQueueDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueDto> {
    return answer(reply, await this.queues.change(caller, name, changes));
  }

  /** Starts no more jobs of the queue, retries and schedules included, until it is resumed; running jobs go on. */
  @Post(':name/pause')
  @HttpCode(200)
  async pause(
    @Caller() caller: ControlCaller,
    @Param('name') name: string,
    @Body() { reason }: PauseRequestDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueDto> {
    return answer(reply, await this.queues.pause(caller, name, reason));
  }

  /** Lets the queue go on where it stopped. */
  @Post(':name/resume')
  @HttpCode(200)
  async resume(
    @Caller() caller: ControlCaller,
    @Param('name') name: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueDto> {
    return answer(reply, await this.queues.resume(caller, name));
  }

  /** The organisations that have a weight or limits of their own in the queue, by name. */
  @Get(':name/shares')
  shares(@Param('name') name: string, @Query() query: QueueShareQueryDto): Promise<QueueSharesDto> {
    return this.queues.shares(name, query);
  }

  /** Gives an organisation a weight or limits of its own in the queue. */
  @Put(':name/shares/:organizationId')
  changeShare(
    @Caller() caller: ControlCaller,
    @Param('name') name: string,
    @UuidParam('organizationId', 'organisation') organizationId: string,
    @Body() changes: ChangeQueueShareDto,
  ): Promise<QueueShareDto> {
    return this.queues.changeShare(caller, name, organizationId, changes);
  }

  /** Takes them back: the organisation is then served as in every other queue. */
  @Delete(':name/shares/:organizationId')
  @HttpCode(204)
  deleteShare(
    @Caller() caller: ControlCaller,
    @Param('name') name: string,
    @UuidParam('organizationId', 'organisation') organizationId: string,
  ): Promise<void> {
    return this.queues.deleteShare(caller, name, organizationId);
  }
}

const answer = (reply: FastifyReply, queue: QueueDto): QueueDto => tagged(reply, queueTag(queue), queue);
