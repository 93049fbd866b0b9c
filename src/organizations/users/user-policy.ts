import { conflict, Problem, type Role } from '../../platform/http/index.js';

/** What is known of the account that somebody wants to change. */
export interface Target {
  role: Role;
  /** Several organisations depend on it, or the whole platform. */
  shared: boolean;
  lastAdministrator: boolean;
}
export interface AccountChanges {
  role?: Role;
  /** Touches the person rather than the membership: name, phone, password, disabling. */
  account: boolean;
  /** Takes the person's way in: disabling, or ending the membership. */
  shutsOut: boolean;
}

/**
 * Why a change is refused, or null. An organisation's admin rules over memberships of that organisation; over an account
 * only while nobody else depends on it: else the admin of one organisation could take over an admin of another.
 */
export function refusalOf(actor: Role, target: Target, changes: AccountChanges): Problem | null {
  if (actor !== 'SystemAdmin') {
    if (changes.role === 'SystemAdmin') return forbidden('Only a SystemAdmin can make a SystemAdmin.');
    if ((changes.role || changes.shutsOut) && target.role === 'SystemAdmin')
      return forbidden('Only a SystemAdmin can change the role of one, or remove one.');
    if (changes.account && target.shared)
      return forbidden('Other organisations depend on this account too: a SystemAdmin has to change it.');
  }
  const losesRole = target.role === 'SystemAdmin' && changes.role !== undefined && changes.role !== 'SystemAdmin';
  if (target.lastAdministrator && (losesRole || changes.shutsOut))
    return conflict('last_administrator', 'This is the last SystemAdmin: make another one first.');
  return null;
}

const forbidden = (detail: string) => new Problem(403, 'forbidden', detail);
