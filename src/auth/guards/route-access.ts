import {
  accessMetadata,
  type Principal,
  type RateLimitName,
  type Role,
  type Scope,
} from '../../platform/http/index.js';

/** What the decorators of platform/http say about a route. */
export interface RouteAccess {
  public: boolean;
  role: Role | null;
  scope: Scope | null;
  /** Stands under /api/system and /api/organization; which was called decides about the role. */
  adminFace: boolean;
  rateLimit: RateLimitName | null;
}

/** Reads a handler's decorators, and its controller's where the handler has none. */
export function routeAccess(handler: object, controller: object): RouteAccess {
  const read = <T>(key: string): T | null =>
    (Reflect.getMetadata(key, handler) as T | undefined) ??
    (Reflect.getMetadata(key, controller) as T | undefined) ??
    null;
  return {
    public: read<boolean>(accessMetadata.public) ?? false,
    role: read<Role>(accessMetadata.roles),
    scope: read<Scope>(accessMetadata.scopes),
    adminFace: read<boolean>(accessMetadata.adminFace) ?? false,
    rateLimit: read<RateLimitName>(accessMetadata.rateLimit),
  };
}

/** A route must say who may call it. */
export const saysWho = (access: RouteAccess) =>
  access.public || access.adminFace || access.role !== null || access.scope !== null;

const rank: Record<Role, number> = { Member: 0, OrgAdmin: 1, SystemAdmin: 2 };

/** The least role that may call the route by this path; null where only API keys may. */
export function leastRole(access: RouteAccess, path: string): Role | null {
  if (!access.adminFace) return access.role;
  const face: Role = path.startsWith('/api/organization/') ? 'OrgAdmin' : 'SystemAdmin';
  return access.role && rank[access.role] > rank[face] ? access.role : face;
}

/** Whether the caller may call the route by this path. */
export function mayCall(principal: Principal, access: RouteAccess, path: string): boolean {
  if (access.public) return true;
  if (principal.kind === 'apiKey') return access.scope !== null && principal.scopes.includes(access.scope);
  const least = leastRole(access, path);
  return least !== null && principal.role !== null && rank[principal.role] >= rank[least];
}
