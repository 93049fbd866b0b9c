/** The SECURITY DEFINER lookups that tell who calls (migrations/…-create-access): carillon_app without an organisation sees nothing else. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, rowsOf, type Transaction } from '../../platform/database/index.js';
import type { Scope } from '../../platform/http/index.js';

/** A user as the guard needs it; `memberships` in the order in which they began. */
export interface Account {
  userId: string;
  email: string;
  name: string;
  isSystemAdmin: boolean;
  disabled: boolean;
  tokenVersion: number;
  /** Whether the session (a family of refresh tokens) that was asked about is neither ended nor revoked. */
  sessionActive: boolean;
  memberships: readonly Membership[];
}
export interface Membership {
  organizationId: string;
  organizationName: string;
  role: 'OrgAdmin' | 'Member';
}
export interface LiveApiKey {
  id: string;
  organizationId: string;
  name: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
}

@Injectable()
export class PrincipalStore {
  constructor(private readonly database: Database) {}

  login(email: string): Promise<{ userId: string; passwordHash: string | null } | null> {
    return this.alone(`select user_id as "userId", password_hash as "passwordHash" from carillon_find_login($1)`, [
      email,
    ]);
  }

  account(userId: string, sessionId: string | null): Promise<Account | null> {
    return this.database.withoutOrganization((tx) => this.accountIn(tx, userId, sessionId));
  }

  accountIn(tx: Transaction, userId: string, sessionId: string | null): Promise<Account | null> {
    return one(
      tx,
      `select user_id as "userId", email, name, is_system_admin as "isSystemAdmin", disabled, token_version as "tokenVersion",
              session_active as "sessionActive", memberships
       from carillon_find_principal($1, $2)`,
      [userId, sessionId],
    );
  }

  /** The key if it is neither revoked nor expired; notes that it was used. */
  apiKey(hash: Buffer): Promise<LiveApiKey | null> {
    return this.alone(
      `select id, organization_id as "organizationId", name, scopes, expires_at as "expiresAt" from carillon_find_api_key($1)`,
      [hash],
    );
  }

  organizationExists(id: string): Promise<boolean> {
    return this.database.acrossOrganizations(async (tx) => {
      return (await rowsOf(tx, `select 1 from organizations where id = $1`, [id])).length > 0;
    });
  }

  private alone<T extends object>(text: string, values: unknown[]): Promise<T | null> {
    return this.database.withoutOrganization((tx) => one<T>(tx, text, values));
  }
}

async function one<T extends object>(tx: Transaction, text: string, values: unknown[]): Promise<T | null> {
  return (await rowsOf<T>(tx, text, values))[0] ?? null;
}

/** Keys and refresh tokens are random and long, so a plain SHA-256 of them is all that is kept. */
export const sha256 = (secret: string): Buffer => createHash('sha256').update(secret).digest();
