/** The decorators that the global guards (src/auth) read. A route without one of the first three stops the boot and fails a test. */
import { applyDecorators, Controller, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Principal, Role, Scope } from './principal.js';

export const accessMetadata = {
  public: 'carillon:public',
  roles: 'carillon:roles',
  scopes: 'carillon:scopes',
  rateLimit: 'carillon:rate-limit',
  audit: 'carillon:audit',
  adminFace: 'carillon:admin-face',
} as const;

/** Named limits; their numbers a minute come from the configuration (`THROTTLE_…`). Mutations without one fall under `mutations`. */
export type RateLimitName =
  'login' | 'settings' | 'testSend' | 'jobActions' | 'bulkActions' | 'imports' | 'exports' | 'mutations' | 'unlimited';

/** The same in the OpenAPI document, where people and clients can read it. */
export const accessExtensions = {
  public: 'x-carillon-public',
  role: 'x-carillon-role',
  scope: 'x-carillon-scope',
  rateLimit: 'x-carillon-rate-limit',
} as const;

/** Nobody needs to sign in. */
export const Public = () =>
  applyDecorators(SetMetadata(accessMetadata.public, true), ApiExtension(accessExtensions.public, true));
/** At least this role: SystemAdmin ⊃ OrgAdmin ⊃ Member. */
export const RequireRole = (role: Role) =>
  applyDecorators(SetMetadata(accessMetadata.roles, role), ApiExtension(accessExtensions.role, role));
/** API keys with this scope may call it too; without it a route refuses every API key. */
export const AllowScope = (scope: Scope) =>
  applyDecorators(SetMetadata(accessMetadata.scopes, scope), ApiExtension(accessExtensions.scope, scope));
export const RateLimit = (name: RateLimitName) =>
  applyDecorators(SetMetadata(accessMetadata.rateLimit, name), ApiExtension(accessExtensions.rateLimit, name));

/**
 * A controller with two faces: `/api/system/<path>` for a SystemAdmin, and the same under `/api/organization/<path>` for an OrgAdmin,
 * bound to its own organisation. The guard asks for the role by the face that was called.
 */
export const AdminController = (path: string) =>
  applyDecorators(
    Controller([`api/system/${path}`, `api/organization/${path}`]),
    SetMetadata(accessMetadata.adminFace, true),
  );

export type AuthenticatedRequest = FastifyRequest & { principal: Principal };

/** The caller, put on the request by the guard. */
export const CurrentPrincipal = createParamDecorator(
  (_: unknown, context: ExecutionContext): Principal =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().principal,
);
