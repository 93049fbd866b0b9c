import { IsEmail, IsOptional, IsString, MaxLength } from 'class-validator';

export class TestEmailDto {
  /** Default: the configured reply address, else the caller's own. */
  @IsOptional()
  @IsEmail()
  @MaxLength(320)
  email?: string;
}

export class TestSmsDto {
  /**
   * Default: the caller's own.
   * @example +4915112345678
   */
  @IsOptional()
  @IsString()
  @MaxLength(20)
  phoneNumber?: string;
}

export class TestChannelDto {
  /** An address of the channel; default: as for the channel's own route. */
  @IsOptional()
  @IsString()
  @MaxLength(320)
  to?: string;
}

export class TestMessageDto {
  success!: boolean;
  /** null where none is configured. */
  provider!: string | null;
  /** As the provider names the message. */
  messageId?: string;
  /** The provider's own words. */
  error?: string;
}
