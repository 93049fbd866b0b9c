import { Injectable } from '@nestjs/common';
import { rowsOf, type Transaction } from '../database/index.js';
import { boundedCount, totalOf } from '../http/index.js';
import type { AuditPageDto, AuditQuery, AuditRecordDto } from './audit.dto.js';

const columns = `id, organization_id as "organizationId", actor_type as "actorType", actor_id as "actorId", action, outcome,
  target_type as "targetType", target_id as "targetId", details, address, trace_id as "traceId", created_at as "createdAt"`;

const matching = `from audit_log
  where ($1::text is null or action = $1) and ($2::text is null or starts_with(action, $2))
    and ($3::uuid is null or actor_id = $3) and ($4::text is null or outcome = $4)
    and ($5::timestamptz is null or created_at >= $5) and ($6::timestamptz is null or created_at < $6)
    and ($7::uuid is null or organization_id = $7)`;

@Injectable()
export class AuditRepository {
  /** Newest first: ids are UUIDv7 and grow with time. */
  async page(tx: Transaction, query: AuditQuery): Promise<AuditPageDto> {
    const values = filterValues(query);
    const entries = await rowsOf<AuditRecordDto>(
      tx,
      `select ${columns} ${matching} order by id desc offset $8 limit $9`,
      [...values, query.skip, query.limit],
    );
    const [count] = await rowsOf<{ counted: number }>(tx, boundedCount(`select id ${matching}`), values);
    return { entries, ...totalOf(count!.counted) };
  }
}

function filterValues({ action, actor, outcome, from, to, organizationId }: AuditQuery): unknown[] {
  const prefix = action?.endsWith('*') ? action.slice(0, -1) : undefined;
  const exact = prefix === undefined ? action : undefined;
  return [exact, prefix, actor, outcome, from, to, organizationId].map((value) => value ?? null);
}
