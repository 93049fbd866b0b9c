import { Inject, Injectable } from '@nestjs/common';
import { errors, jwtVerify, SignJWT } from 'jose';
import { validate as isUuid } from 'uuid';
import { CLOCK, type Clock } from '../../platform/clock/clock.js';
import { CONFIG, type Config } from '../../platform/config/index.js';

/** What an access token says; everything else about its bearer is read anew from the database. */
export interface AccessClaims {
  userId: string;
  /** The family of refresh tokens it belongs to: ending the session ends its access tokens. */
  sessionId: string;
  tokenVersion: number;
}

export const accessTokenSeconds = 15 * 60;
/** Pinned on both sides, so that no token made for another purpose or by another algorithm is taken (RFC 8725, RFC 9068). */
const pinned = { algorithm: 'HS256', issuer: 'carillon', audience: 'carillon-api', type: 'at+jwt' } as const;

@Injectable()
export class AccessTokens {
  private readonly secret: Uint8Array;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    if (!config.secrets.jwt) throw new Error('JWT_SECRET is missing: access tokens cannot be signed');
    this.secret = new TextEncoder().encode(config.secrets.jwt);
  }

  issue({ userId, sessionId, tokenVersion }: AccessClaims): Promise<string> {
    const now = Math.floor(this.clock.now() / 1_000);
    return new SignJWT({ sid: sessionId, ver: tokenVersion })
      .setProtectedHeader({ alg: pinned.algorithm, typ: pinned.type })
      .setSubject(userId)
      .setIssuer(pinned.issuer)
      .setAudience(pinned.audience)
      .setIssuedAt(now)
      .setExpirationTime(now + accessTokenSeconds)
      .sign(this.secret);
  }

  /** null for whatever is not a token of ours that is in force. */
  async verify(token: string): Promise<AccessClaims | null> {
    try {
      const { payload } = await jwtVerify(token, this.secret, {
        algorithms: [pinned.algorithm],
        issuer: pinned.issuer,
        audience: pinned.audience,
        typ: pinned.type,
        requiredClaims: ['sub', 'sid', 'ver', 'iat', 'exp'],
        maxTokenAge: accessTokenSeconds,
        currentDate: new Date(this.clock.now()),
      });
      const { sub, sid, ver } = payload;
      if (!isUuid(sub) || !isUuid(sid) || typeof ver !== 'number') return null;
      return { userId: sub!, sessionId: sid as string, tokenVersion: ver };
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}
