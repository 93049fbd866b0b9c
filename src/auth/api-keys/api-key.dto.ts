import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsISO8601,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUUID,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { PageQuery, type Scope, scopes } from '../../platform/http/index.js';

export class ApiKeyQuery extends PageQuery {
  /** For a SystemAdmin who acts on all organisations: only this one. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

export class CreateApiKeyDto {
  /**
   * What uses the key.
   * @example nightly import
   */
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  name!: string;

  /** What the key may do, and nothing else. */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @IsIn(scopes, { each: true })
  scopes!: Scope[];

  /** ISO 8601; without one it works until it is revoked. */
  @IsOptional()
  @IsISO8601({ strict: true })
  expiresAt?: string | null;

  /** For a SystemAdmin who acts on all organisations; else the caller's own. */
  @ValidateIf((dto: CreateApiKeyDto) => dto.organizationId !== undefined)
  @IsUUID()
  organizationId?: string;
}

export class ApiKeyDto {
  id!: string;
  organizationId!: string;
  name!: string;
  /**
   * The beginning of the key.
   * @example ck_Vb3x
   */
  prefix!: string;
  scopes!: Scope[];
  createdBy!: string | null;
  expiresAt!: Date | null;
  revokedAt!: Date | null;
  /** To the minute. */
  lastUsedAt!: Date | null;
  createdAt!: Date;
}

export class CreatedApiKeyDto extends ApiKeyDto {
  /** The key, shown this once: send it as `Authorization: Bearer ck_…`. */
  key!: string;
}

export class ApiKeyPageDto {
  apiKeys!: ApiKeyDto[];
  total!: number;
  totalIsEstimate?: true;
}
