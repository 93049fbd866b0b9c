import { Injectable } from '@nestjs/common';
import { passwordMatches, UserService } from '../../organizations/index.js';
import { type Origin, recordAudit, recordRefusal } from '../../platform/audit/index.js';
import { Database, onCommit, type Transaction } from '../../platform/database/index.js';
import { type Principal, Problem, unprocessable } from '../../platform/http/index.js';
import { actingOrganization } from '../principals/acting-organization.js';
import { Authenticator } from '../principals/authenticator.js';
import { type Account, PrincipalStore } from '../principals/principal-store.js';
import { AccessTokens, accessTokenSeconds } from './access-tokens.js';
import type { SessionDto, SignedInUserDto } from './session.dto.js';
import { SessionStore } from './session-store.js';

@Injectable()
export class SessionService {
  constructor(
    private readonly database: Database,
    private readonly principals: PrincipalStore,
    private readonly sessions: SessionStore,
    private readonly tokens: AccessTokens,
    private readonly authenticator: Authenticator,
    private readonly users: UserService,
  ) {}

  /** @throws Problem 401, the same and after the same time whether the account is unknown, disabled, or the password wrong */
  async login(email: string, password: string, origin: Origin): Promise<SessionDto> {
    const login = await this.principals.login(email.trim());
    const matches = await passwordMatches(login?.passwordHash, password);
    const account = matches ? await this.principals.account(login!.userId, null) : null;
    if (!account || !mayHaveSession(account)) {
      const details = { reason: account ? 'disabled' : 'credentials' };
      await this.refuse({
        action: 'session.refused',
        ...(login && { targetType: 'user', targetId: login.userId }),
        details,
        ...origin,
      });
      throw new Problem(401, 'invalid_credentials', 'The email or the password is wrong.');
    }
    const { organizationId } = account.memberships[0]!;
    const started = await this.database.withOrganization(organizationId, async (tx) => {
      const session = await this.sessions.start(tx, account.userId);
      await auditSession(tx, account, 'session.started', session.sessionId, origin);
      return session;
    });
    return this.answer(account, started);
  }

  /** @throws Problem 401; a token that was exchanged before ends its whole session (RFC 9700, 4.14.2) */
  async refresh(refreshToken: string, origin: Origin): Promise<SessionDto> {
    const refreshed = await this.database.withoutOrganization((tx) => this.rotate(tx, refreshToken, origin));
    if (!refreshed)
      throw new Problem(401, 'invalid_refresh_token', 'The refresh token is not valid any more: sign in again.');
    return this.answer(refreshed.account, refreshed);
  }

  /** null where the token is of no use; then what that did (a revoked session) must still be committed, so nothing throws here. */
  private async rotate(tx: Transaction, shown: string, origin: Origin) {
    const { outcome, userId, sessionId, refreshToken } = await this.sessions.rotate(tx, shown);
    if (outcome === 'reused') {
      const entry = { action: 'session.token-reused', targetType: 'session', targetId: sessionId!, ...origin };
      await recordRefusal(tx, null, entry);
      onCommit(tx, () => this.authenticator.forget());
    }
    if (outcome !== 'rotated') return null;
    const account = await this.principals.accountIn(tx, userId!, sessionId);
    if (!account || !mayHaveSession(account)) return null;
    await this.sessions.actIn(tx, account.memberships[0]!.organizationId);
    await auditSession(tx, account, 'session.refreshed', sessionId!, origin);
    return { account, sessionId: sessionId!, refreshToken };
  }

  /** Ends the session of the access token: its refresh token at once, its access tokens here at once and elsewhere within half a minute. */
  async logout(principal: Principal, sessionId: string, origin: Origin): Promise<void> {
    await this.database.withOrganization(principal.organizationId, async (tx) => {
      await this.sessions.end(tx, sessionId);
      await recordAudit(tx, principal, principal.organizationId, {
        action: 'session.ended',
        targetType: 'session',
        targetId: sessionId,
        ...origin,
      });
    });
    this.authenticator.forget();
  }

  /** Ends every session of the person, this one too. @throws Problem 422 when the current password is wrong */
  async changePassword(principal: Principal, current: string, next: string, origin: Origin): Promise<void> {
    const login = await this.principals.login(principal.email ?? '');
    if (!(await passwordMatches(login?.passwordHash, current)))
      throw unprocessable([{ pointer: '/currentPassword', message: 'is not your password' }]);
    const account = await this.principals.account(principal.id, null);
    const home = account?.memberships[0]?.organizationId ?? principal.organizationId;
    await this.users.changeOwnPassword(principal, home, next, origin);
    this.authenticator.forget();
  }

  async me(principal: Principal): Promise<SignedInUserDto> {
    const account = await this.principals.account(principal.id, null);
    if (!account) throw new Problem(401, 'session_ended', 'The session has ended: sign in again.');
    const { role, organizationId } = principal;
    return Object.assign(signedIn(account), { role: role!, organizationId });
  }

  private async answer(account: Account, session: { sessionId: string; refreshToken: string }): Promise<SessionDto> {
    const claims = { userId: account.userId, sessionId: session.sessionId, tokenVersion: account.tokenVersion };
    return {
      accessToken: await this.tokens.issue(claims),
      refreshToken: session.refreshToken,
      tokenType: 'Bearer',
      expiresIn: accessTokenSeconds,
      user: signedIn(account),
    };
  }

  private refuse(entry: Parameters<typeof recordRefusal>[2]): Promise<void> {
    return this.database.withoutOrganization((tx) => recordRefusal(tx, null, entry));
  }
}

const mayHaveSession = (account: Account) => !account.disabled && account.memberships.length > 0;

function signedIn(account: Account): SignedInUserDto {
  const { organizationId, role } = actingOrganization({ ...account, named: undefined, route: '' });
  return {
    id: account.userId,
    email: account.email,
    name: account.name,
    role,
    organizationId,
    organizations: account.memberships.map((m) => ({ id: m.organizationId, name: m.organizationName, role: m.role })),
  };
}

function auditSession(tx: Transaction, account: Account, action: string, sessionId: string, origin: Origin) {
  const { organizationId } = account.memberships[0]!;
  const entry = { action, targetType: 'session', targetId: sessionId, ...origin };
  return recordAudit(tx, { kind: 'user', id: account.userId }, organizationId, entry);
}
