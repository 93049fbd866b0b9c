import { Body, Controller, Get, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { CurrentPrincipal, Idempotent, type Principal, RequireRole, UuidParam } from '../../platform/http/index.js';
import {
  ChangeOrganizationDto,
  CreateOrganizationDto,
  OrganizationDto,
  OrganizationPageDto,
  OrganizationQuery,
} from './organization.dto.js';
import { OrganizationService } from './organization.service.js';

@Controller('api/system/organizations')
@RequireRole('SystemAdmin')
export class OrganizationController {
  constructor(private readonly organizations: OrganizationService) {}

  /** All organisations by name. */
  @Get()
  list(@Query() query: OrganizationQuery): Promise<OrganizationPageDto> {
    return this.organizations.list(query);
  }

  /** One organisation. */
  @Get(':organizationId')
  get(@UuidParam('organizationId', 'organisation') id: string): Promise<OrganizationDto> {
    return this.organizations.get(id);
  }

  /** Makes an organisation; its people are added under users. */
  @Post()
  @Idempotent()
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateOrganizationDto,
    @CallOrigin() origin: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrganizationDto> {
    const made = await this.organizations.create(principal, body, origin);
    void reply.header('Location', `${reply.request.routeOptions.url}/${made.id}`);
    return made;
  }

  /** Changes the name or the slug. */
  @Patch(':organizationId')
  change(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('organizationId', 'organisation') id: string,
    @Body() body: ChangeOrganizationDto,
    @CallOrigin() origin: Origin,
  ): Promise<OrganizationDto> {
    return this.organizations.change(principal, id, body, origin);
  }
}
