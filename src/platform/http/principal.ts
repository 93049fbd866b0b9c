export const roles = ['SystemAdmin', 'OrgAdmin', 'Member'] as const;
export type Role = (typeof roles)[number];

/** What an API key may be allowed to do. */
export const scopes = ['jobs:create', 'jobs:read', 'imports:create', 'datasets:read', 'notifications:send'] as const;
export type Scope = (typeof scopes)[number];

/** Who calls, as the guard established it; stands on the request as `principal`. */
export interface Principal {
  kind: 'user' | 'apiKey';
  /** The user's or the key's id. */
  id: string;
  email: string | null;
  /** The session of a user's access token; null for an API key. */
  sessionId: string | null;
  /** null for an API key: it has scopes instead. */
  role: Role | null;
  scopes: readonly Scope[];
  /**
   * The organisation the call acts on: the caller's own, or for a SystemAdmin that of `X-Organization-Id`.
   * Every read and write of organisation data goes through `Database.withOrganization(principal.organizationId, …)`.
   */
  organizationId: string;
  /**
   * A SystemAdmin under `/api/system` or `/job-logs` who named no organisation: lists give every organisation (Database.acrossOrganizations),
   * single rows are looked up everywhere, and what has to belong to one organisation takes `organizationId`.
   */
  allOrganizations: boolean;
}
