import fc from 'fast-check';
import { type Principal, type Role, roles, type Scope, scopes } from '../../platform/http/index.js';
import { leastRole, mayCall, type RouteAccess, saysWho } from './route-access.js';

const access = (more: Partial<RouteAccess>): RouteAccess => ({
  public: false,
  role: null,
  scope: null,
  adminFace: false,
  rateLimit: null,
  ...more,
});
const user = (role: Role) => ({ kind: 'user', role, scopes: [] as Scope[] }) as unknown as Principal;
const key = (...granted: Scope[]) => ({ kind: 'apiKey', role: null, scopes: granted }) as unknown as Principal;

const anyAccess = fc.record<RouteAccess>({
  public: fc.constant(false),
  role: fc.option(fc.constantFrom(...roles)),
  scope: fc.option(fc.constantFrom(...scopes)),
  adminFace: fc.boolean(),
  rateLimit: fc.constant(null),
});
const anyPath = fc.constantFrom('/api/system/x', '/api/organization/x', '/api/v2/x');

describe('access to routes', () => {
  it('of an AdminController goes by the face, unless the handler asks for more', () => {
    const face = access({ adminFace: true });
    expect(leastRole(face, '/api/system/x')).toBe('SystemAdmin');
    expect(leastRole(face, '/api/organization/x')).toBe('OrgAdmin');
    expect(leastRole({ ...face, role: 'SystemAdmin' }, '/api/organization/x')).toBe('SystemAdmin');
    expect(leastRole({ ...face, role: 'Member' }, '/api/system/x')).toBe('SystemAdmin');
  });

  it('grows with the role', () => {
    fc.assert(
      fc.property(anyAccess, anyPath, (route, path) => {
        const may = (['Member', 'OrgAdmin', 'SystemAdmin'] as const).map((role) => mayCall(user(role), route, path));
        expect(may).toEqual([...may].sort((a, b) => Number(a) - Number(b)));
      }),
    );
  });

  it('is given to an API key by its scopes alone', () => {
    fc.assert(
      fc.property(anyAccess, anyPath, fc.subarray([...scopes]), (route, path, granted) => {
        expect(mayCall(key(...granted), route, path)).toBe(route.scope !== null && granted.includes(route.scope));
      }),
    );
  });

  it('is nobody’s where a route does not say who', () => {
    const silent = access({});
    expect(saysWho(silent)).toBe(false);
    for (const role of roles) expect(mayCall(user(role), silent, '/x')).toBe(false);
    expect(mayCall(key(...scopes), silent, '/x')).toBe(false);
  });
});
