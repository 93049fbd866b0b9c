import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { type AuthenticatedRequest, type Principal, Problem } from '../../platform/http/index.js';
import { RefusedCalls } from './refused-calls.js';
import { leastRole, mayCall, type RouteAccess, routeAccess } from './route-access.js';

/** Second of the global guards: may the caller call this route? */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly refused: RefusedCalls) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = routeAccess(context.getHandler(), context.getClass());
    if (access.public) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const path = request.routeOptions.url ?? '';
    if (mayCall(request.principal, access, path)) return true;
    const problem = new Problem(403, 'forbidden', whatIsMissing(request.principal, access, path));
    await this.refused.note(request, request.principal, problem);
    throw problem;
  }
}

function whatIsMissing(principal: Principal, access: RouteAccess, path: string): string {
  if (principal.kind === 'apiKey') {
    return access.scope ? `The API key lacks the scope ${access.scope}.` : 'API keys may not call this route.';
  }
  const least = leastRole(access, path);
  return least ? `This needs the role ${least}; you are ${principal.role}.` : 'Only API keys may call this route.';
}
