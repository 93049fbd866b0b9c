import { Body, Delete, Get, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { AdminController, CurrentPrincipal, Idempotent, type Principal, UuidParam } from '../../platform/http/index.js';
import { ApiKeyDto, ApiKeyPageDto, ApiKeyQuery, CreateApiKeyDto, CreatedApiKeyDto } from './api-key.dto.js';
import { ApiKeyService } from './api-key.service.js';

@AdminController('api-keys')
export class ApiKeyController {
  constructor(private readonly keys: ApiKeyService) {}

  /** Keys, newest first, revoked and expired ones too. */
  @Get()
  list(@CurrentPrincipal() principal: Principal, @Query() query: ApiKeyQuery): Promise<ApiKeyPageDto> {
    return this.keys.list(principal, query);
  }

  /** One key, without its secret. */
  @Get(':keyId')
  get(@CurrentPrincipal() principal: Principal, @UuidParam('keyId', 'API key') id: string): Promise<ApiKeyDto> {
    return this.keys.get(principal, id);
  }

  /** Makes a key. This answer is the only one that shows it. */
  @Post()
  @Idempotent({ store: 'nothing' })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateApiKeyDto,
    @CallOrigin() origin: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedApiKeyDto> {
    const made = await this.keys.create(principal, body, origin);
    void reply.header('Location', `${reply.request.routeOptions.url}/${made.id}`);
    return made;
  }

  /** Revokes a key for good. Safe to repeat. */
  @Delete(':keyId')
  @HttpCode(204)
  revoke(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('keyId', 'API key') id: string,
    @CallOrigin() origin: Origin,
  ): Promise<void> {
    return this.keys.revoke(principal, id, origin);
  }
}
