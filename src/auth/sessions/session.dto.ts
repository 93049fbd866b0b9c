import { IsNotEmpty, IsString, Length, MaxLength } from 'class-validator';
import { passwordLength } from '../../organizations/index.js';
import type { Role } from '../../platform/http/index.js';

export class LoginDto {
  /**
   * Upper and lower case do not matter.
   * @example admin@carillon.local
   */
  @IsString()
  @IsNotEmpty()
  @MaxLength(320)
  email!: string;

  /** @example correct-horse-battery-staple */
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  password!: string;
}

export class RefreshDto {
  /** The token of the last login or refresh; it works once. */
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  refreshToken!: string;
}

export class ChangePasswordDto {
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  currentPassword!: string;

  /** @example purple-otter-sings-at-noon */
  @IsString()
  @Length(passwordLength.min, passwordLength.max)
  newPassword!: string;
}

export class OrganizationOfUserDto {
  id!: string;
  name!: string;
  role!: 'OrgAdmin' | 'Member';
}

export class SignedInUserDto {
  id!: string;
  email!: string;
  name!: string;
  /** In the organisation acted in. */
  role!: Role;
  /** The organisation acted in. */
  organizationId!: string;
  organizations!: OrganizationOfUserDto[];
}

export class SessionDto {
  /** Sent as `Authorization: Bearer …`. */
  accessToken!: string;
  /** Exchanged once for the next pair by `POST /api/auth/refresh`. */
  refreshToken!: string;
  /** @example Bearer */
  tokenType!: string;
  /**
   * Seconds until the access token expires.
   * @example 900
   */
  expiresIn!: number;
  user!: SignedInUserDto;
}
