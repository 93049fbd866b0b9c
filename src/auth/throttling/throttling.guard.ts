import { Injectable } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerRequest } from '@nestjs/throttler';
import type { FastifyReply } from 'fastify';
import { Problem } from '../../platform/http/index.js';
import { windowSeconds } from './request-limits.js';

/**
 * Last of the global guards: not too often? Answers `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)
 * on every limited response, and a Problem 429 with `Retry-After`.
 */
@Injectable()
export class ThrottlingGuard extends ThrottlerGuard {
  protected override async handleRequest(asked: ThrottlerRequest): Promise<boolean> {
    const { context, limit, ttl, throttler, blockDuration, getTracker, generateKey } = asked;
    const { req, res } = this.getRequestResponse(context);
    const name = throttler.name!;
    const key = generateKey(context, await getTracker(req, context), name);
    const count = await this.storageService.increment(key, ttl, limit, blockDuration, name);
    const reply = res as unknown as FastifyReply;
    append(reply, 'RateLimit-Policy', `"${name}";q=${limit};w=${windowSeconds}`);
    append(reply, 'RateLimit', `"${name}";r=${Math.max(0, limit - count.totalHits)};t=${count.timeToExpire}`);
    if (!count.isBlocked) return true;
    const wait = count.timeToBlockExpire;
    throw new Problem(429, 'too_many_requests', `At most ${limit} of these a minute: try again in ${wait} s.`, {
      headers: { 'Retry-After': String(wait) },
    });
  }
}

/** Several policies may apply to one response: a structured list, so they stand in one line. */
function append(reply: FastifyReply, header: string, item: string): void {
  const before = reply.getHeader(header);
  void reply.header(header, before === undefined ? item : `${String(before)}, ${item}`);
}
