import { IsNotEmpty, IsOptional, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';
import { PageQuery } from '../../platform/http/index.js';

const slugShape = /^[a-z0-9][a-z0-9-]{0,62}$/;
const slugMessage = 'must be lower-case letters, digits and hyphens, at most 63, not beginning with a hyphen';

export class OrganizationQuery extends PageQuery {
  /** Only organisations whose name or slug contains this, whatever the case. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  q?: string;
}

export class CreateOrganizationDto {
  /** @example Acme Foundry */
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  name!: string;

  /**
   * Without one it is made from the name.
   * @example acme-foundry
   */
  @ValidateIf((dto: CreateOrganizationDto) => dto.slug !== undefined)
  @Matches(slugShape, { message: slugMessage })
  slug?: string;
}

export class ChangeOrganizationDto {
  @ValidateIf((dto: ChangeOrganizationDto) => dto.name !== undefined)
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  name?: string;

  @ValidateIf((dto: ChangeOrganizationDto) => dto.slug !== undefined)
  @Matches(slugShape, { message: slugMessage })
  slug?: string;
}

export class OrganizationDto {
  id!: string;
  name!: string;
  slug!: string;
  createdAt!: Date;
  updatedAt!: Date;
}

export class OrganizationPageDto {
  organizations!: OrganizationDto[];
  total!: number;
  totalIsEstimate?: true;
}
