import { Injectable } from '@nestjs/common';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { boundedCount, totalOf } from '../../platform/http/index.js';
import type { ApiKeyDto, ApiKeyPageDto, ApiKeyQuery } from './api-key.dto.js';
import { ApiKey } from './api-key.entity.js';

const columns = `id, organization_id as "organizationId", name, prefix, scopes, created_by as "createdBy",
  expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt", created_at as "createdAt"`;
const matching = `from api_keys where ($1::uuid is null or organization_id = $1)`;

@Injectable()
export class ApiKeyRepository {
  /** Newest first. */
  async page(tx: Transaction, { organizationId, skip, limit }: ApiKeyQuery): Promise<ApiKeyPageDto> {
    const filter = [organizationId ?? null];
    const apiKeys = await rowsOf<ApiKeyDto>(tx, `select ${columns} ${matching} order by id desc offset $2 limit $3`, [
      ...filter,
      skip,
      limit,
    ]);
    const [count] = await rowsOf<{ counted: number }>(tx, boundedCount(`select id ${matching}`), filter);
    return { apiKeys, ...totalOf(count!.counted) };
  }

  async find(tx: Transaction, id: string): Promise<ApiKeyDto | undefined> {
    return (await rowsOf<ApiKeyDto>(tx, `select ${columns} from api_keys where id = $1`, [id]))[0];
  }

  async insert(tx: Transaction, key: Omit<ApiKey, 'revokedAt' | 'lastUsedAt' | 'createdAt'>): Promise<void> {
    await tx.getRepository(ApiKey).insert(key);
  }

  /** Answers whether this call revoked it; a key that was revoked before keeps its time. */
  async revoke(tx: Transaction, id: string): Promise<boolean> {
    const rows = await rowsOf(
      tx,
      `update api_keys set revoked_at = carillon_now() where id = $1 and revoked_at is null returning 1`,
      [id],
    );
    return rows.length > 0;
  }
}
