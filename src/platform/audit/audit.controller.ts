import { Get, Query } from '@nestjs/common';
import { Database } from '../database/index.js';
import { AdminController, CurrentPrincipal, type Principal } from '../http/index.js';
import { readWithinReach } from '../reach/index.js';
import { AuditPageDto, AuditQuery } from './audit.dto.js';
import { AuditRepository } from './audit-repository.js';

@AdminController('audit')
export class AuditController {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRepository,
  ) {}

  /** Who did what, newest first: every change, and refused calls of administrative routes. */
  @Get()
  list(@Query() query: AuditQuery, @CurrentPrincipal() principal: Principal): Promise<AuditPageDto> {
    return readWithinReach(this.database, principal, (tx) => this.audit.page(tx, query));
  }
}
