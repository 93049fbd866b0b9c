/** Which limit a request falls under, and on whose account it goes. */
import type { ExecutionContext } from '@nestjs/common';
import { type ThrottlerOptions, normalizeIp } from '@nestjs/throttler';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../../platform/config/index.js';
import type { AuthenticatedRequest, RateLimitName } from '../../platform/http/index.js';
import { type RouteAccess, routeAccess } from '../guards/route-access.js';

export const windowSeconds = 60;
const reads = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Reads are not counted unless they carry a limit; every other request without one falls under `mutations`. */
export function limitOf(method: string, access: Pick<RouteAccess, 'rateLimit'>): RateLimitName | null {
  if (access.rateLimit) return access.rateLimit === 'unlimited' ? null : access.rateLimit;
  return reads.has(method) ? null : 'mutations';
}

/** A caller's counters: of the principal where there is one, else of the address. One counter a limit, whichever route or face is called. */
export function trackerOf(request: FastifyRequest & Partial<Pick<AuthenticatedRequest, 'principal'>>): string {
  return request.principal ? `${request.principal.kind} ${request.principal.id}` : `address ${addressOf(request)}`;
}

/**
 * All limits as @nestjs/throttler takes them. A login has three: few attempts on one account from one address; ten times as many
 * from one address (guessing through many accounts) and on one account (guessing from many addresses). The narrow one is asked
 * first, so that from one address nobody can use up the account's allowance and lock its owner out.
 */
export function requestLimits(limits: Config['throttle']): ThrottlerOptions[] {
  const named = (Object.keys(limits) as (keyof Config['throttle'])[])
    .filter((name) => name !== 'login')
    .map((name) => limit(name, name, limits[name], trackerOf));
  const login = (name: string, factor: number, tracker: Tracker) =>
    limit(name, 'login', limits.login * factor, tracker);
  return [
    ...named,
    login('login', 1, (request) => `${accountOf(request)} ${addressOf(request)}`),
    login('login-address', 10, addressOf),
    login('login-account', 10, accountOf),
  ];
}

type Tracker = (request: FastifyRequest) => string;

function limit(name: string, appliesTo: RateLimitName, requests: number, tracker: Tracker): ThrottlerOptions {
  return {
    name,
    limit: requests,
    ttl: windowSeconds * 1_000,
    skipIf: (context) => limitOfContext(context) !== appliesTo,
    getTracker: (request) => tracker(request as unknown as FastifyRequest),
    generateKey: (_context, tracked, throttler) => `${throttler} ${tracked}`,
  };
}

function limitOfContext(context: ExecutionContext): RateLimitName | null {
  const { method } = context.switchToHttp().getRequest<FastifyRequest>();
  return limitOf(method, routeAccess(context.getHandler(), context.getClass()));
}

/** Forwarded addresses count only from TRUSTED_PROXIES (Fastify's trustProxy); of IPv6 the /64, which one customer holds. */
const addressOf = (request: FastifyRequest) => normalizeIp(request.ip);

/** Of a login the email, of a change of password the person. The body is not validated yet when guards run. */
function accountOf(request: FastifyRequest & Partial<Pick<AuthenticatedRequest, 'principal'>>): string {
  if (request.principal) return request.principal.id;
  const email = (request.body as { email?: unknown } | undefined)?.email;
  return typeof email === 'string' ? email.trim().toLowerCase() : '';
}
