import {
  IsBoolean,
  IsEmail,
  IsIn,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { PageQuery, roles, type Role } from '../../platform/http/index.js';
import { passwordLength } from '../password.js';

const phoneShape = /^\+[1-9]\d{6,14}$/;
const phoneMessage = 'must be an E.164 number such as +4915123456789';

export class UserQuery extends PageQuery {
  /** Only people whose name or email contains this, whatever the case. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  q?: string;

  /** For a SystemAdmin who acts on all organisations: only this one. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}

export class CreateUserDto {
  /** An email that has an account already gets the membership only: name, phone and password stay as they are. */
  @IsEmail()
  @MaxLength(320)
  email!: string;

  /** @example Grace Hopper */
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  name!: string;

  /** SystemAdmin may be given by a SystemAdmin only. */
  @IsIn(roles)
  role!: Role;

  /** Without one, a one-time password is made and answered this once. */
  @ValidateIf((dto: CreateUserDto) => dto.password !== undefined)
  @IsString()
  @Length(passwordLength.min, passwordLength.max)
  password?: string;

  @IsOptional()
  @Matches(phoneShape, { message: phoneMessage })
  phone?: string | null;

  /** For a SystemAdmin who acts on all organisations; else the caller's own. */
  @ValidateIf((dto: CreateUserDto) => dto.organizationId !== undefined)
  @IsUUID()
  organizationId?: string;
}

export class ChangeUserDto {
  @ValidateIf((dto: ChangeUserDto) => dto.name !== undefined)
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  name?: string;

  /** null takes it away. */
  @IsOptional()
  @Matches(phoneShape, { message: phoneMessage })
  phone?: string | null;

  @ValidateIf((dto: ChangeUserDto) => dto.role !== undefined)
  @IsIn(roles)
  role?: Role;

  /** A disabled person cannot sign in, and running sessions end. */
  @ValidateIf((dto: ChangeUserDto) => dto.disabled !== undefined)
  @IsBoolean()
  disabled?: boolean;
}

export class ResetPasswordDto {
  /** Without one, a one-time password is made and answered this once. */
  @ValidateIf((dto: ResetPasswordDto) => dto.password !== undefined)
  @IsString()
  @Length(passwordLength.min, passwordLength.max)
  password?: string;
}

/** A person in an organisation; whoever belongs to several has a row in each. */
export class UserDto {
  id!: string;
  organizationId!: string;
  email!: string;
  name!: string;
  phone!: string | null;
  role!: Role;
  disabled!: boolean;
  createdAt!: Date;
  updatedAt!: Date;
}

export class UserWithPasswordDto extends UserDto {
  /** Present once, where none was given. */
  temporaryPassword?: string;
}

export class UserPageDto {
  users!: UserDto[];
  total!: number;
  totalIsEstimate?: true;
}
