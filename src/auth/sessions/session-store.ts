/** Refresh tokens: only their hashes are kept, and no role can read them but through these functions (migrations/…-create-access). */
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { sha256 } from '../principals/principal-store.js';

/** How long a session lasts unused; each refresh begins it anew. */
export const refreshTokenSeconds = 30 * 24 * 3_600;

export interface Rotation {
  /** `reused`: somebody showed a token that was already exchanged, so the whole session has been revoked. */
  outcome: 'rotated' | 'reused' | 'revoked' | 'expired' | 'unknown';
  userId: string | null;
  sessionId: string | null;
  /** The successor; worth something only where the outcome is `rotated`. */
  refreshToken: string;
}

@Injectable()
export class SessionStore {
  async start(tx: Transaction, userId: string): Promise<{ sessionId: string; refreshToken: string }> {
    const sessionId = uuidv7();
    const refreshToken = newRefreshToken();
    await tx.query(`select carillon_start_session($1, $2, $3, $4, $5)`, [
      uuidv7(),
      sessionId,
      userId,
      sha256(refreshToken),
      refreshTokenSeconds,
    ]);
    return { sessionId, refreshToken };
  }

  async rotate(tx: Transaction, shown: string): Promise<Rotation> {
    const refreshToken = newRefreshToken();
    const [row] = await rowsOf<Omit<Rotation, 'refreshToken'>>(
      tx,
      `select outcome, user_id as "userId", family_id as "sessionId" from carillon_rotate_session($1, $2, $3, $4)`,
      [sha256(shown), uuidv7(), sha256(refreshToken), refreshTokenSeconds],
    );
    return { ...row!, refreshToken };
  }

  /** From here on the transaction sees the organisation: a refresh learns only midway whose it is. */
  async actIn(tx: Transaction, organizationId: string): Promise<void> {
    await tx.query(`select set_config('carillon.organization_id', $1, true)`, [organizationId]);
  }

  async end(tx: Transaction, sessionId: string): Promise<void> {
    await tx.query(`select carillon_end_session($1)`, [sessionId]);
  }

  /** Deletes what expired over a week ago. Answers how many. */
  async prune(tx: Transaction): Promise<number> {
    const [row] = await rowsOf<{ pruned: string }>(tx, `select carillon_prune_sessions() as pruned`);
    return Number(row!.pruned);
  }
}

const newRefreshToken = () => `rt_${randomBytes(32).toString('base64url')}`;
