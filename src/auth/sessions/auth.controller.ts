import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { CurrentPrincipal, type Principal, Public, RateLimit, RequireRole } from '../../platform/http/index.js';
import { ChangePasswordDto, LoginDto, RefreshDto, SessionDto, SignedInUserDto } from './session.dto.js';
import { SessionService } from './session.service.js';

@Controller('api/auth')
export class AuthController {
  constructor(private readonly sessions: SessionService) {}

  /** Signs in with email and password. */
  @Post('login')
  @Public()
  @RateLimit('login')
  @HttpCode(200)
  login(@Body() { email, password }: LoginDto, @CallOrigin() origin: Origin): Promise<SessionDto> {
    return this.sessions.login(email, password, origin);
  }

  /** Exchanges a refresh token for a new pair. A token works once: showing it again ends the session. */
  @Post('refresh')
  @Public()
  @HttpCode(200)
  refresh(@Body() { refreshToken }: RefreshDto, @CallOrigin() origin: Origin): Promise<SessionDto> {
    return this.sessions.refresh(refreshToken, origin);
  }

  /** Ends the session of the access token that is sent along. */
  @Post('logout')
  @RequireRole('Member')
  @HttpCode(204)
  logout(@CurrentPrincipal() principal: Principal, @CallOrigin() origin: Origin): Promise<void> {
    return this.sessions.logout(principal, principal.sessionId!, origin);
  }

  /** Changes one's own password, and ends every session: sign in with the new one. */
  @Post('password')
  @RequireRole('Member')
  @RateLimit('login')
  @HttpCode(204)
  changePassword(
    @CurrentPrincipal() principal: Principal,
    @Body() { currentPassword, newPassword }: ChangePasswordDto,
    @CallOrigin() origin: Origin,
  ): Promise<void> {
    return this.sessions.changePassword(principal, currentPassword, newPassword, origin);
  }

  /** Who is signed in, and as what. */
  @Get('me')
  @RequireRole('Member')
  me(@CurrentPrincipal() principal: Principal): Promise<SignedInUserDto> {
    return this.sessions.me(principal);
  }
}
