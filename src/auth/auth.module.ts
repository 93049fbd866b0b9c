import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessGuard } from './guards/access.guard.js';
import { AuthenticationGuard } from './guards/authentication.guard.js';
import { GuardedRoutes } from './guards/guarded-routes.js';
import { RefusedCalls } from './guards/refused-calls.js';
import { Authenticator } from './principals/authenticator.js';
import { PrincipalStore } from './principals/principal-store.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { AuthController } from './sessions/auth.controller.js';
import { SessionService } from './sessions/session.service.js';
import { SessionStore } from './sessions/session-store.js';

@Module({
  imports: [DiscoveryModule],
  controllers: [AuthController],
  providers: [
    PrincipalStore,
    AccessTokens,
    Authenticator,
    SessionStore,
    SessionService,
    RefusedCalls,
    GuardedRoutes,
    // global guards run in this order
    { provide: APP_GUARD, useClass: AuthenticationGuard },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
})
export class AuthModule {}
