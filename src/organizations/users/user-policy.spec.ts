import { type AccountChanges, refusalOf, type Target } from './user-policy.js';

const target = (more: Partial<Target> = {}): Target => ({
  role: 'Member',
  shared: false,
  lastAdministrator: false,
  ...more,
});
const changes = (more: Partial<AccountChanges> = {}): AccountChanges => ({ account: false, shutsOut: false, ...more });
const admin = target({ role: 'SystemAdmin', shared: true });

describe('what may be done to an account', () => {
  it.each<[string, 'SystemAdmin' | 'OrgAdmin', Target, AccountChanges, number | undefined]>([
    ['an OrgAdmin changes a member', 'OrgAdmin', target(), changes({ role: 'OrgAdmin', account: true }), undefined],
    ['an OrgAdmin makes a SystemAdmin', 'OrgAdmin', target(), changes({ role: 'SystemAdmin' }), 403],
    ['an OrgAdmin demotes a SystemAdmin', 'OrgAdmin', admin, changes({ role: 'Member' }), 403],
    ['an OrgAdmin removes a SystemAdmin', 'OrgAdmin', admin, changes({ shutsOut: true }), 403],
    [
      'an OrgAdmin resets the password of a shared account',
      'OrgAdmin',
      target({ shared: true }),
      changes({ account: true }),
      403,
    ],
    [
      'an OrgAdmin removes a shared account',
      'OrgAdmin',
      target({ shared: true }),
      changes({ shutsOut: true }),
      undefined,
    ],
    [
      'a SystemAdmin resets the password of a shared account',
      'SystemAdmin',
      admin,
      changes({ account: true }),
      undefined,
    ],
    ['a SystemAdmin demotes another', 'SystemAdmin', admin, changes({ role: 'Member' }), undefined],
    [
      'the last one demotes itself',
      'SystemAdmin',
      { ...admin, lastAdministrator: true },
      changes({ role: 'Member' }),
      409,
    ],
    [
      'the last one disables itself',
      'SystemAdmin',
      { ...admin, lastAdministrator: true },
      changes({ shutsOut: true }),
      409,
    ],
    [
      'the last one renames itself',
      'SystemAdmin',
      { ...admin, lastAdministrator: true },
      changes({ account: true }),
      undefined,
    ],
  ])('%s', (_, actor, whom, what, status) => {
    expect(refusalOf(actor, whom, what)?.status).toBe(status);
  });
});
