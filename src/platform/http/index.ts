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
export { etagOf, isUnchanged, matchVersion } from './etag.js';
export { Idempotent, type IdempotentOptions } from './idempotency/idempotent.js';
export { PageQuery } from './page-query.dto.js';
export { boundedCount, type CursorPosition, decodeCursor, encodeCursor, type Total, totalOf } from './paging.js';
export { isUuid, QueryBoolean, QueryInteger, QueryList, UuidParam } from './parameters.js';
export { type Principal, type Role, roles, type Scope, scopes } from './principal.js';
export { badRequest, conflict, notFound, Problem, type ProblemDetail, unavailable, unprocessable } from './problem.js';
export { TraceId } from './trace.js';
