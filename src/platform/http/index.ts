export {
  accessMetadata,
  AdminController,
  AllowScope,
  type AuthenticatedRequest,
  CurrentPrincipal,
  Public,
  RateLimit,
  type RateLimitName,
  RequireRole,
} from './access.js';
export { type Principal, type Role, roles, type Scope, scopes } from './principal.js';
export { badRequest, conflict, notFound, Problem, type ProblemDetail, unprocessable } from './problem.js';
