import { validate as isUuid } from 'uuid';
import { badRequest, notFound, Problem, type Role } from '../../platform/http/index.js';
import type { Membership } from './principal-store.js';

export interface Asking {
  isSystemAdmin: boolean;
  memberships: readonly Membership[];
  /** The value of `X-Organization-Id`, if any. */
  named: string | undefined;
  /** The pattern of the route, e.g. `/api/system/users/:id`. */
  route: string;
}
export interface Acting {
  organizationId: string;
  role: Role;
  allOrganizations: boolean;
}

/** Routes on which a SystemAdmin who names no organisation sees every one. */
const spansOrganizations = /^\/(api\/system|job-logs)(\/|$)/;

/**
 * In which organisation a person acts, and as what. Others than a SystemAdmin may name an organisation only if they belong to it.
 * The caller of this has yet to check that an organisation named by a SystemAdmin exists.
 * @throws Problem 400 for a malformed id, 404 for a foreign one, 403 for a person without any organisation
 */
export function actingOrganization({ isSystemAdmin, memberships, named, route }: Asking): Acting {
  if (named !== undefined && !isUuid(named)) {
    throw badRequest([{ pointer: 'header/x-organization-id', message: `"${named}" is not a UUID` }]);
  }
  const membership = named === undefined ? memberships[0] : memberships.find((m) => m.organizationId === named);
  if (isSystemAdmin && named !== undefined) {
    return { organizationId: named, role: 'SystemAdmin', allOrganizations: false };
  }
  if (!membership) {
    if (named !== undefined) throw notFound('organisation');
    throw new Problem(
      403,
      'no_organization',
      'Your account belongs to no organisation: ask an administrator to add you.',
    );
  }
  const { organizationId, role } = membership;
  if (!isSystemAdmin) return { organizationId, role, allOrganizations: false };
  return { organizationId, role: 'SystemAdmin', allOrganizations: spansOrganizations.test(route) };
}
