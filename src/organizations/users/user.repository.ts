import { Injectable } from '@nestjs/common';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { boundedCount, totalOf } from '../../platform/http/index.js';
import { Membership } from './membership.entity.js';
import { User } from './user.entity.js';
import type { UserDto, UserPageDto, UserQuery } from './user.dto.js';

const columns = `u.id, m.organization_id as "organizationId", u.email, u.name, u.phone,
  case when u.is_system_admin then 'SystemAdmin' else m.role end as role, u.disabled_at is not null as disabled,
  u.created_at as "createdAt", u.updated_at as "updatedAt"`;
const people = `from memberships m join users u on u.id = m.user_id`;
const matching = `${people}
  where ($1::uuid is null or m.organization_id = $1)
    and ($2::text is null or position(lower($2) in lower(u.name || ' ' || u.email)) > 0)`;

/** People as members of an organisation: in its transaction only its own are seen, through the platform all. */
@Injectable()
export class UserRepository {
  async page(tx: Transaction, { organizationId, q, skip, limit }: UserQuery): Promise<UserPageDto> {
    const filter = [organizationId ?? null, q ?? null];
    const users = await rowsOf<UserDto>(
      tx,
      `select ${columns} ${matching} order by lower(u.email), m.organization_id offset $3 limit $4`,
      [...filter, skip, limit],
    );
    const [count] = await rowsOf<{ counted: number }>(tx, boundedCount(`select u.id ${matching}`), filter);
    return { users, ...totalOf(count!.counted) };
  }

  async find(tx: Transaction, id: string): Promise<UserDto | undefined> {
    return (await rowsOf<UserDto>(tx, `select ${columns} ${people} where u.id = $1`, [id]))[0];
  }

  /** As `find`, and holds the account until the transaction ends, so that two changes do not overwrite each other's reasons. */
  async findForChange(tx: Transaction, id: string): Promise<UserDto | undefined> {
    await tx.query(`select 1 from users where id = $1 for no key update`, [id]);
    return this.find(tx, id);
  }

  /** The organisation in which the person has been longest. */
  async homeOf(tx: Transaction, id: string): Promise<string | undefined> {
    const rows = await rowsOf<{ organizationId: string }>(
      tx,
      `select organization_id as "organizationId" from memberships where user_id = $1 order by created_at, organization_id limit 1`,
      [id],
    );
    return rows[0]?.organizationId;
  }

  /** Whether anybody, in whichever organisation, has the email. */
  async idByEmail(tx: Transaction, email: string): Promise<string | null> {
    const [row] = await rowsOf<{ id: string | null }>(tx, `select carillon_find_user_by_email($1) as id`, [email]);
    return row!.id;
  }

  /** No RETURNING: until its membership exists, row-level security hides the new person. */
  async insert(tx: Transaction, user: Pick<User, 'id' | 'email' | 'name' | 'phone' | 'passwordHash'>): Promise<void> {
    const { id, email, name, phone, passwordHash } = user;
    await tx.query(`insert into users (id, email, name, phone, password_hash) values ($1, $2, $3, $4, $5)`, [
      id,
      email,
      name,
      phone,
      passwordHash,
    ]);
  }

  /** Answers whether the person was not yet a member. */
  async join(tx: Transaction, membership: Omit<Membership, 'createdAt'>): Promise<boolean> {
    const rows = await rowsOf(
      tx,
      `insert into memberships (organization_id, user_id, role) values ($1, $2, $3) on conflict do nothing returning 1`,
      [membership.organizationId, membership.userId, membership.role],
    );
    return rows.length > 0;
  }

  async leave(tx: Transaction, userId: string): Promise<void> {
    await tx.getRepository(Membership).delete({ userId });
  }

  /** Sets the role in the transaction's organisation. */
  async setRole(tx: Transaction, userId: string, role: 'OrgAdmin' | 'Member'): Promise<void> {
    await tx.getRepository(Membership).update({ userId }, { role });
  }

  async setSystemAdmin(tx: Transaction, userId: string, value: boolean): Promise<void> {
    await tx.query(`select carillon_set_system_admin($1, $2)`, [userId, value]);
  }

  async setDetails(tx: Transaction, userId: string, details: { name?: string; phone?: string | null }): Promise<void> {
    await tx.query(
      `update users set name = coalesce($2, name), phone = case when $3 then $4 else phone end,
         version = version + 1, updated_at = carillon_now() where id = $1`,
      [userId, details.name ?? null, details.phone !== undefined, details.phone ?? null],
    );
  }

  /** Disabling also ends every session. */
  async setDisabled(tx: Transaction, userId: string, disabled: boolean): Promise<void> {
    await tx.query(
      `update users set disabled_at = case when $2 then coalesce(disabled_at, carillon_now()) end,
         token_version = token_version + $2::int, version = version + 1, updated_at = carillon_now() where id = $1`,
      [userId, disabled],
    );
    if (disabled) await this.endSessions(tx, userId);
  }

  /** Ends every session. */
  async setPassword(tx: Transaction, userId: string, passwordHash: string): Promise<void> {
    await tx.query(
      `update users set password_hash = $2, token_version = token_version + 1, version = version + 1, updated_at = carillon_now()
       where id = $1`,
      [userId, passwordHash],
    );
    await this.endSessions(tx, userId);
  }

  async isShared(tx: Transaction, userId: string): Promise<boolean> {
    const [row] = await rowsOf<{ shared: boolean }>(tx, `select carillon_is_shared_user($1) as shared`, [userId]);
    return row!.shared;
  }

  /** Whoever asks keeps other changes of administrators waiting until the transaction ends. */
  async isLastAdministrator(tx: Transaction, userId: string): Promise<boolean> {
    const [row] = await rowsOf<{ last: boolean }>(tx, `select carillon_is_last_administrator($1) as last`, [userId]);
    return row!.last;
  }

  private async endSessions(tx: Transaction, userId: string): Promise<void> {
    await tx.query(`select carillon_end_sessions_of($1)`, [userId]);
  }
}
