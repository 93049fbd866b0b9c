/** All SQL of idempotency keys. */
import { Injectable } from '@nestjs/common';
import { Database, rowsOf, type Transaction } from '../../database/index.js';

/** A run of a request that holds its key; `token` tells it from an earlier run that lost its lease. */
export interface KeyHolder {
  organizationId: string;
  principalId: string;
  key: string;
  token: string;
}

/** What a repetition is given. Without a body when the answer had none or was withheld. */
export interface KeptAnswer {
  status: number;
  headers: Record<string, string>;
  /** JSON. */
  body: string | null;
  withheld: boolean;
}

export type Claim =
  { state: 'mine' } | { state: 'running' } | { state: 'otherRequest' } | { state: 'answered'; answer: KeptAnswer };

/** A run that is alive renews its lease every third of it; a dead one frees the key after so long. */
export const leaseSeconds = 60;

@Injectable()
export class IdempotencyStore {
  constructor(private readonly database: Database) {}

  /** Takes the key for this run, or tells who has it. Two at once meet at the primary key: one waits, then reads what the other wrote. */
  claim(holder: KeyHolder, fingerprint: Buffer): Promise<Claim> {
    return this.within(holder, async (tx) => {
      const taken = await rowsOf(tx, takeKey, [...identity(holder), holder.token, fingerprint]);
      if (taken.length > 0) return { state: 'mine' };
      const [row] = await rowsOf<KeptRow>(tx, readKey, identity(holder));
      if (!row) return { state: 'running' }; // freed in between: the caller tries again
      if (!row.fingerprint.equals(fingerprint)) return { state: 'otherRequest' };
      if (row.status === null) return { state: 'running' };
      const { status, body, withheld } = row;
      return { state: 'answered', answer: { status, headers: row.headers ?? {}, body, withheld } };
    });
  }

  renew(holder: KeyHolder): Promise<void> {
    return this.change(holder, `set lease_until = carillon_now() + make_interval(secs => ${leaseSeconds})`);
  }

  keep(holder: KeyHolder, { status, headers, body, withheld }: KeptAnswer): Promise<void> {
    return this.change(holder, `set lease_until = null, status = $5, headers = $6, body = $7, withheld = $8`, [
      status,
      JSON.stringify(headers),
      body,
      withheld,
    ]);
  }

  /** The run failed: the next one may try. */
  async free(holder: KeyHolder): Promise<void> {
    await this.within(holder, (tx) =>
      rowsOf(tx, `delete from idempotency_keys where ${heldBy}`, [...identity(holder), holder.token]),
    );
  }

  /** Of every organisation; in portions, so that no lock is held for long. Answers how many. */
  async prune(): Promise<number> {
    let pruned = 0;
    for (;;) {
      const { rowCount } = await this.database.engine.query(pruneExpired);
      pruned += rowCount ?? 0;
      if ((rowCount ?? 0) < pruneAtOnce) return pruned;
    }
  }

  private async change(holder: KeyHolder, assignment: string, values: unknown[] = []): Promise<void> {
    const text = `update idempotency_keys ${assignment} where ${heldBy}`;
    await this.within(holder, (tx) => rowsOf(tx, text, [...identity(holder), holder.token, ...values]));
  }

  private within<T>(holder: KeyHolder, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.database.withOrganization(holder.organizationId, work);
  }
}

interface KeptRow {
  fingerprint: Buffer;
  status: number | null;
  headers: Record<string, string> | null;
  body: string | null;
  withheld: boolean;
}

const identity = ({ organizationId, principalId, key }: KeyHolder) => [organizationId, principalId, key];
/** Fenced by the token, and by not being answered yet. */
const heldBy = `organization_id = $1 and principal_id = $2 and key = $3 and token = $4 and status is null`;

const takeKey = `
  insert into idempotency_keys as known (organization_id, principal_id, key, token, fingerprint, lease_until, expires_at)
  values ($1, $2, $3, $4, $5, carillon_now() + make_interval(secs => ${leaseSeconds}), carillon_now() + interval '24 hours')
  on conflict on constraint idempotency_keys_pk do update
    set token = excluded.token, fingerprint = excluded.fingerprint, lease_until = excluded.lease_until,
        expires_at = excluded.expires_at, status = null, headers = null, body = null, withheld = false
    where known.expires_at <= carillon_now() or known.lease_until <= carillon_now()
  returning token`;

const readKey = `
  select fingerprint, status, headers, body, withheld from idempotency_keys
  where organization_id = $1 and principal_id = $2 and key = $3`;

const pruneAtOnce = 10_000;
const pruneExpired = `
  delete from idempotency_keys where ctid in (
    select ctid from idempotency_keys where expires_at <= carillon_now() limit ${pruneAtOnce} for update skip locked)`;
