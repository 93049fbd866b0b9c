import { IsIn, IsISO8601, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { PageQuery } from '../http/index.js';

export class AuditQuery extends PageQuery {
  /** Exactly this action, e.g. `user.created`; ending in `*` every action that begins so, e.g. `session.*`. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  action?: string;

  /** Id of the user or API key that acted. */
  @IsOptional()
  @IsUUID()
  actor?: string;

  @IsOptional()
  @IsIn(['done', 'refused'])
  outcome?: 'done' | 'refused';

  /** From this time on, ISO 8601. */
  @IsOptional()
  @IsISO8601({ strict: true })
  from?: string;

  /** Before this time, ISO 8601. */
  @IsOptional()
  @IsISO8601({ strict: true })
  to?: string;

  /** For a SystemAdmin who acts on all organisations: only this one. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

export class AuditRecordDto {
  id!: string;
  organizationId!: string | null;
  actorType!: 'user' | 'apiKey' | 'system' | 'anonymous';
  actorId!: string | null;
  /** @example user.created */
  action!: string;
  outcome!: 'done' | 'refused';
  targetType!: string | null;
  targetId!: string | null;
  details!: Record<string, unknown>;
  address!: string | null;
  traceId!: string | null;
  createdAt!: Date;
}

export class AuditPageDto {
  entries!: AuditRecordDto[];
  total!: number;
  totalIsEstimate?: true;
}
