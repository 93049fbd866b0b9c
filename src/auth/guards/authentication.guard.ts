import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { type AuthenticatedRequest, Problem } from '../../platform/http/index.js';
import { Authenticator } from '../principals/authenticator.js';
import { RefusedCalls } from './refused-calls.js';
import { routeAccess } from './route-access.js';

/** First of the global guards: who is it? Puts the principal on the request. */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly refused: RefusedCalls,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (routeAccess(context.getHandler(), context.getClass()).public) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    try {
      request.principal = await this.authenticator.authenticate(request);
      return true;
    } catch (error) {
      if (error instanceof Problem) await this.refused.note(request, null, error);
      throw error;
    }
  }
}
