import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { Database, type Transaction } from '../../platform/database/index.js';
import { conflict, notFound, type Principal, Problem, type Role } from '../../platform/http/index.js';
import { organizationOfNew, organizationOfRow, readWithinReach } from '../../platform/reach/index.js';
import { brokenConstraint } from '../constraint.js';
import { hashPassword, oneTimePassword } from '../password.js';
import { type AccountChanges, refusalOf } from './user-policy.js';
import type {
  ChangeUserDto,
  CreateUserDto,
  ResetPasswordDto,
  UserDto,
  UserPageDto,
  UserQuery,
  UserWithPasswordDto,
} from './user.dto.js';
import { UserRepository } from './user.repository.js';

@Injectable()
export class UserService {
  constructor(
    private readonly database: Database,
    private readonly users: UserRepository,
  ) {}

  list(principal: Principal, query: UserQuery): Promise<UserPageDto> {
    return readWithinReach(this.database, principal, (tx) => this.users.page(tx, query));
  }

  async get(principal: Principal, id: string): Promise<UserDto> {
    const organizationId = await this.organizationOf(principal, id);
    const found = await this.database.withOrganization(organizationId, (tx) => this.users.find(tx, id));
    if (!found) throw notFound('user');
    return found;
  }

  /** Makes the account and its membership, or only the membership where the email has an account. */
  async create(principal: Principal, body: CreateUserDto, origin: Origin): Promise<UserWithPasswordDto> {
    if (body.role === 'SystemAdmin' && principal.role !== 'SystemAdmin')
      throw new Problem(403, 'forbidden', 'Only a SystemAdmin can make a SystemAdmin.');
    const organizationId = await organizationOfNew(this.database, principal, body.organizationId);
    const temporaryPassword = body.password === undefined ? oneTimePassword() : undefined;
    const passwordHash = await hashPassword(body.password ?? temporaryPassword!);
    return refusingTakenEmails(() =>
      this.database.withOrganization(organizationId, async (tx) => {
        const existing = await this.users.idByEmail(tx, body.email);
        const id = existing ?? uuidv7();
        if (!existing) await this.users.insert(tx, { id, ...body, phone: body.phone ?? null, passwordHash });
        const role = membershipRole(body.role);
        const joined = await this.users.join(tx, { organizationId, userId: id, role });
        if (!joined) throw conflict('already_member', `${body.email} belongs to this organisation already.`);
        if (body.role === 'SystemAdmin') await this.users.setSystemAdmin(tx, id, true);
        await audit(tx, principal, organizationId, existing ? 'user.joined' : 'user.created', id, origin, {
          role: body.role,
        });
        const user = (await this.users.find(tx, id))!;
        return { ...user, ...(!existing && temporaryPassword && { temporaryPassword }) };
      }),
    );
  }

  change(principal: Principal, id: string, changes: ChangeUserDto, origin: Origin): Promise<UserDto> {
    const { name, phone, role, disabled } = changes;
    const account = name !== undefined || phone !== undefined || disabled !== undefined;
    return this.changing(principal, id, { role, account, shutsOut: disabled === true }, async (tx, user) => {
      if (name !== undefined || phone !== undefined) await this.users.setDetails(tx, id, { name, phone });
      if (role !== undefined) await this.setRole(tx, user, role);
      if (disabled !== undefined && disabled !== user.disabled) await this.users.setDisabled(tx, id, disabled);
      await audit(tx, principal, user.organizationId, 'user.changed', id, origin, { ...changes });
      return (await this.users.find(tx, id))!;
    });
  }

  private async setRole(tx: Transaction, user: UserDto, role: Role): Promise<void> {
    await this.users.setRole(tx, user.id, membershipRole(role));
    const [was, becomes] = [user.role === 'SystemAdmin', role === 'SystemAdmin'];
    if (was !== becomes) await this.users.setSystemAdmin(tx, user.id, becomes);
  }

  async resetPassword(
    principal: Principal,
    id: string,
    { password }: ResetPasswordDto,
    origin: Origin,
  ): Promise<UserWithPasswordDto> {
    const temporaryPassword = password === undefined ? oneTimePassword() : undefined;
    const passwordHash = await hashPassword(password ?? temporaryPassword!);
    return this.changing(principal, id, { account: true, shutsOut: false }, async (tx, user) => {
      await this.users.setPassword(tx, id, passwordHash);
      await audit(tx, principal, user.organizationId, 'user.password-reset', id, origin);
      return { ...user, ...(temporaryPassword && { temporaryPassword }) };
    });
  }

  /** For the person itself, who has shown the old one. Ends every session. @param organizationId one that the person belongs to */
  async changeOwnPassword(
    principal: Principal,
    organizationId: string,
    password: string,
    origin: Origin,
  ): Promise<void> {
    const passwordHash = await hashPassword(password);
    await this.database.withOrganization(organizationId, async (tx) => {
      await this.users.setPassword(tx, principal.id, passwordHash);
      await audit(tx, principal, organizationId, 'user.password-changed', principal.id, origin);
    });
  }

  /** Takes the person out of the organisation; the account stays, for it may belong to others. */
  remove(principal: Principal, id: string, origin: Origin): Promise<void> {
    return this.changing(principal, id, { account: false, shutsOut: true }, async (tx, user) => {
      await this.users.leave(tx, id);
      await audit(tx, principal, user.organizationId, 'user.removed', id, origin);
    });
  }

  /** Runs `work` on the locked account, in its organisation, unless the policy refuses. */
  private async changing<T>(
    principal: Principal,
    id: string,
    changes: AccountChanges,
    work: (tx: Transaction, user: UserDto) => Promise<T>,
  ): Promise<T> {
    const organizationId = await this.organizationOf(principal, id);
    return this.database.withOrganization(organizationId, async (tx) => {
      const user = await this.users.findForChange(tx, id);
      if (!user) throw notFound('user');
      const refusal = refusalOf(
        principal.role!,
        {
          role: user.role,
          shared: await this.users.isShared(tx, id),
          lastAdministrator: user.role === 'SystemAdmin' && (await this.users.isLastAdministrator(tx, id)),
        },
        changes,
      );
      if (refusal) throw refusal;
      return work(tx, user);
    });
  }

  private organizationOf(principal: Principal, id: string): Promise<string> {
    return organizationOfRow(this.database, principal, 'user', (tx) => this.users.homeOf(tx, id));
  }
}

/** A SystemAdmin is an OrgAdmin of the organisations it belongs to. */
const membershipRole = (role: Role) => (role === 'Member' ? 'Member' : 'OrgAdmin');

function audit(
  tx: Transaction,
  principal: Principal,
  organizationId: string,
  action: string,
  targetId: string,
  origin: Origin,
  details?: Record<string, unknown>,
): Promise<void> {
  return recordAudit(tx, principal, organizationId, { action, targetType: 'user', targetId, details, ...origin });
}

/** Two calls may find an email free at the same time; the index lets one of them have it. */
async function refusingTakenEmails<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (brokenConstraint(error) !== 'users_email_unique') throw error;
    throw conflict('email_taken', 'An account with this email was made at the same moment: try again to add it.');
  }
}
