import { v7 as uuidv7 } from 'uuid';
import { type Asking, actingOrganization } from './acting-organization.js';
import type { Membership } from './principal-store.js';

const [A, B, C] = [uuidv7(), uuidv7(), uuidv7()];
const memberships: Membership[] = [
  { organizationId: A, organizationName: 'A', role: 'Member' },
  { organizationId: B, organizationName: 'B', role: 'OrgAdmin' },
];
const ask = (more: Partial<Asking>) =>
  actingOrganization({ isSystemAdmin: false, memberships, named: undefined, route: '/api/v2/jobs', ...more });
const statusOf = (more: Partial<Asking>) => {
  try {
    return ask(more);
  } catch (error) {
    return (error as { status: number }).status;
  }
};

describe('the organisation acted in', () => {
  it('is the first of a person, or the named one it belongs to, with the role held there', () => {
    expect(ask({})).toEqual({ organizationId: A, role: 'Member', allOrganizations: false });
    expect(ask({ named: B })).toEqual({ organizationId: B, role: 'OrgAdmin', allOrganizations: false });
  });

  it('is never one that the person does not belong to', () => {
    expect(statusOf({ named: C })).toBe(404);
    expect(statusOf({ named: 'a' })).toBe(400);
    expect(statusOf({ memberships: [] })).toBe(403);
  });

  it('is any that a SystemAdmin names, and all where it names none on a route of the platform', () => {
    const admin = { isSystemAdmin: true };
    expect(ask({ ...admin, named: C })).toEqual({ organizationId: C, role: 'SystemAdmin', allOrganizations: false });
    for (const route of ['/api/system/users', '/api/system/users/:userId', '/job-logs', '/job-logs/:id'])
      expect(ask({ ...admin, route })).toEqual({ organizationId: A, role: 'SystemAdmin', allOrganizations: true });
    for (const route of ['/api/organization/users', '/api/v2/jobs', '/job-logs-of-others', '/api/systematic'])
      expect(ask({ ...admin, route }).allOrganizations).toBe(false);
    expect(statusOf({ ...admin, named: 'nonsense' })).toBe(400);
  });
});
