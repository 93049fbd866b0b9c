import { Body, Controller, Get, Patch, Post, Query } from '@nestjs/common';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { CurrentPrincipal, type Principal, RequireRole, UuidParam } from '../../platform/http/index.js';
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
  create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateOrganizationDto,
    @CallOrigin() origin: Origin,
  ): Promise<OrganizationDto> {
    return this.organizations.create(principal, body, origin);
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
