import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { CLOCK, type Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/index.js';
import { notFound, type Principal, unprocessable } from '../../platform/http/index.js';
import { organizationOfNew, organizationOfRow, readWithinReach } from '../../platform/reach/index.js';
import { Authenticator } from '../principals/authenticator.js';
import { sha256 } from '../principals/principal-store.js';
import type { ApiKeyDto, ApiKeyPageDto, ApiKeyQuery, CreateApiKeyDto, CreatedApiKeyDto } from './api-key.dto.js';
import { ApiKeyRepository } from './api-key.repository.js';

@Injectable()
export class ApiKeyService {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyRepository,
    private readonly authenticator: Authenticator,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  list(principal: Principal, query: ApiKeyQuery): Promise<ApiKeyPageDto> {
    return readWithinReach(this.database, principal, (tx) => this.keys.page(tx, query));
  }

  async get(principal: Principal, id: string): Promise<ApiKeyDto> {
    const found = await readWithinReach(this.database, principal, (tx) => this.keys.find(tx, id));
    if (!found) throw notFound('API key');
    return found;
  }

  async create(principal: Principal, body: CreateApiKeyDto, origin: Origin): Promise<CreatedApiKeyDto> {
    const expiresAt = body.expiresAt ? new Date(body.expiresAt) : null;
    if (expiresAt && expiresAt.getTime() <= this.clock.now())
      throw unprocessable([{ pointer: '/expiresAt', message: `${body.expiresAt} is in the past` }]);
    const organizationId = await organizationOfNew(this.database, principal, body.organizationId);
    const key = `ck_${randomBytes(32).toString('base64url')}`;
    const { name, scopes } = body;
    const id = uuidv7();
    const row = { id, organizationId, name, scopes, expiresAt, createdBy: principal.id };
    return this.database.withOrganization(organizationId, async (tx) => {
      await this.keys.insert(tx, { ...row, prefix: key.slice(0, 7), secretHash: sha256(key) });
      const details = { name, scopes, expiresAt };
      const entry = { action: 'api-key.created', targetType: 'apiKey', targetId: id, details, ...origin };
      await recordAudit(tx, principal, organizationId, entry);
      return { ...(await this.keys.find(tx, id))!, key };
    });
  }

  /** Safe to repeat. This process refuses the key at once, the others within half a minute. */
  async revoke(principal: Principal, id: string, origin: Origin): Promise<void> {
    const organizationId = await organizationOfRow(this.database, principal, 'API key', async (tx) => {
      return (await this.keys.find(tx, id))?.organizationId;
    });
    await this.database.withOrganization(organizationId, async (tx) => {
      if (!(await this.keys.find(tx, id))) throw notFound('API key');
      if (!(await this.keys.revoke(tx, id))) return;
      const entry = { action: 'api-key.revoked', targetType: 'apiKey', targetId: id, ...origin };
      await recordAudit(tx, principal, organizationId, entry);
    });
    this.authenticator.forget();
  }
}
