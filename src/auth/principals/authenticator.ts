import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Caches } from '../../platform/caches/index.js';
import { CLOCK, type Clock } from '../../platform/clock/clock.js';
import { notFound, type Principal, Problem } from '../../platform/http/index.js';
import { AccessTokens } from '../sessions/access-tokens.js';
import { actingOrganization } from './acting-organization.js';
import { apiKeyShape, credentialsOf } from './credentials.js';
import { ExpiringCache } from './expiring-cache.js';
import { type Account, type LiveApiKey, PrincipalStore, sha256 } from './principal-store.js';

/** A change of role, a disabled account or a revoked key is noticed by every process after at most this long (promised: 60 s). */
const rememberedMs = 30_000;

/** Finds out who calls. The database is asked at most once in half a minute for each session and key. */
@Injectable()
export class Authenticator {
  private readonly accounts: ExpiringCache<Account>;
  private readonly apiKeys: ExpiringCache<LiveApiKey>;
  private readonly organizations: ExpiringCache<true>;

  constructor(
    private readonly store: PrincipalStore,
    private readonly tokens: AccessTokens,
    @Inject(CLOCK) private readonly clock: Clock,
    caches: Caches,
  ) {
    this.accounts = new ExpiringCache(clock, rememberedMs, 10_000);
    this.apiKeys = new ExpiringCache(clock, rememberedMs, 10_000);
    this.organizations = new ExpiringCache(clock, rememberedMs, 10_000);
    caches.register('auth.accounts', this.accounts);
    caches.register('auth.api-keys', this.apiKeys);
    caches.register('auth.organizations', this.organizations);
  }

  /** @throws Problem 401 without valid credentials; 400, 403 or 404 for an organisation that the caller may not act in */
  async authenticate(request: FastifyRequest): Promise<Principal> {
    const credentials = credentialsOf(request.headers);
    if (!credentials) throw unauthenticated('missing_credentials', 'Sign in, or send an API key.');
    const named = headerText(request.headers['x-organization-id']);
    return credentials.kind === 'apiKey'
      ? this.byApiKey(credentials.key, named)
      : this.byAccessToken(credentials.token, named, request.routeOptions.url ?? '');
  }

  /** Forgets everything remembered: what this process has just changed acts in it at once. */
  forget(): void {
    this.accounts.clear();
    this.apiKeys.clear();
  }

  private async byAccessToken(token: string, named: string | undefined, route: string): Promise<Principal> {
    const claims = await this.tokens.verify(token);
    if (!claims)
      throw unauthenticated('invalid_token', 'The access token is not valid or has expired: refresh it or sign in.');
    const account = await this.accounts.remember(`${claims.userId}:${claims.sessionId}`, () =>
      this.store.account(claims.userId, claims.sessionId),
    );
    if (!account || account.disabled || !account.sessionActive || account.tokenVersion !== claims.tokenVersion) {
      throw unauthenticated('session_ended', 'The session has ended: sign in again.');
    }
    const acting = actingOrganization({ ...account, named, route });
    if (account.isSystemAdmin && named !== undefined) await this.mustExist(named);
    const { userId: id, email } = account;
    return { kind: 'user', id, email, sessionId: claims.sessionId, scopes: [], ...acting };
  }

  private async byApiKey(key: string, named: string | undefined): Promise<Principal> {
    const hash = sha256(key);
    const found = apiKeyShape.test(key)
      ? await this.apiKeys.remember(hash.toString('hex'), () => this.store.apiKey(hash))
      : null;
    if (!found || (found.expiresAt && found.expiresAt.getTime() <= this.clock.now())) {
      throw unauthenticated('invalid_api_key', 'The API key is unknown, revoked or expired.');
    }
    const membership = { organizationId: found.organizationId, organizationName: '', role: 'Member' as const };
    actingOrganization({ isSystemAdmin: false, memberships: [membership], named, route: '' });
    return {
      kind: 'apiKey',
      id: found.id,
      email: null,
      sessionId: null,
      role: null,
      scopes: found.scopes,
      organizationId: found.organizationId,
      allOrganizations: false,
    };
  }

  private async mustExist(organizationId: string): Promise<void> {
    const exists = await this.organizations.remember(organizationId, async () =>
      (await this.store.organizationExists(organizationId)) ? true : null,
    );
    if (!exists) throw notFound('organisation');
  }
}

const headerText = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(',') : value);

function unauthenticated(code: string, detail: string): Problem {
  const challenge = code === 'missing_credentials' ? 'Bearer' : 'Bearer error="invalid_token"';
  return new Problem(401, code, detail, { headers: { 'WWW-Authenticate': challenge } });
}
