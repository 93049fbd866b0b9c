import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { getOptionsToken, getStorageToken } from '@nestjs/throttler';
import { OrganizationsModule } from '../organizations/index.js';
import { CONFIG, type Config } from '../platform/config/index.js';
import { FirstAdministrator } from './administrator/first-administrator.js';
import { ApiKeyController } from './api-keys/api-key.controller.js';
import { ApiKeyRepository } from './api-keys/api-key.repository.js';
import { ApiKeyService } from './api-keys/api-key.service.js';
import { AccessGuard } from './guards/access.guard.js';
import { AuthenticationGuard } from './guards/authentication.guard.js';
import { GuardedRoutes } from './guards/guarded-routes.js';
import { RefusedCalls } from './guards/refused-calls.js';
import { AccessHousekeeping } from './housekeeping.js';
import { Authenticator } from './principals/authenticator.js';
import { PrincipalStore } from './principals/principal-store.js';
import { AccessTokens } from './sessions/access-tokens.js';
import { AuthController } from './sessions/auth.controller.js';
import { SessionService } from './sessions/session.service.js';
import { SessionStore } from './sessions/session-store.js';
import { requestLimits } from './throttling/request-limits.js';
import { ThrottleStore } from './throttling/throttle-store.js';
import { ThrottlingGuard } from './throttling/throttling.guard.js';

@Module({
  imports: [DiscoveryModule, OrganizationsModule],
  controllers: [AuthController, ApiKeyController],
  providers: [
    PrincipalStore,
    AccessTokens,
    Authenticator,
    SessionStore,
    SessionService,
    ApiKeyRepository,
    ApiKeyService,
    RefusedCalls,
    GuardedRoutes,
    FirstAdministrator,
    AccessHousekeeping,
    ThrottleStore,
    { provide: getStorageToken(), useExisting: ThrottleStore },
    {
      provide: getOptionsToken(),
      inject: [CONFIG],
      useFactory: (config: Config) => requestLimits(config.throttle),
    },
    // global guards run in this order
    { provide: APP_GUARD, useClass: AuthenticationGuard },
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_GUARD, useClass: ThrottlingGuard },
  ],
})
export class AuthModule {}
