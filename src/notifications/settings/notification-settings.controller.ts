import { Body, Get, Headers, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { AdminController, CurrentPrincipal, etagOf, type Principal, RateLimit } from '../../platform/http/index.js';
import { NotificationSettingsService } from './notification-settings.service.js';
import { NotificationSettingsDto } from './settings-answer.dto.js';
import { ChangeNotificationSettingsDto } from './settings.dto.js';

@AdminController('notification-settings')
export class NotificationSettingsController {
  constructor(private readonly settings: NotificationSettingsService) {}

  /** The organisation's settings, made with the defaults on the first read. The ETag is their version. */
  @Get()
  async read(
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NotificationSettingsDto> {
    return tagged(reply, await this.settings.read(principal));
  }

  /** Changes what is given and nothing else. With `If-Match`, only if nobody has changed them since. */
  @Put()
  @RateLimit('settings')
  async change(
    @CurrentPrincipal() principal: Principal,
    @Body() changes: ChangeNotificationSettingsDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CallOrigin() origin: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<NotificationSettingsDto> {
    return tagged(reply, await this.settings.change(principal, changes, ifMatch, origin));
  }
}

function tagged(reply: FastifyReply, settings: NotificationSettingsDto): NotificationSettingsDto {
  void reply.header('etag', etagOf(settings.version));
  return settings;
}
