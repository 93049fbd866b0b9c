import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import { connectionOptions } from './connections.js';

/**
 * A connection as the login that owns the schema, for as long as `work` takes: it alone may VACUUM and REINDEX, and no wall stands before it.
 * For maintenance that an administrator has asked for, nothing else. When `signal` fires, the statement under way is cancelled by the server.
 */
export async function withOwnerConnection<T>(
  address: DatabaseAddress,
  signal: AbortSignal,
  work: (owner: pg.Client) => Promise<T>,
): Promise<T> {
  const owner = new pg.Client({ ...connectionOptions(address), application_name: 'carillon maintenance' });
  owner.on('error', () => undefined); // the next statement reports it
  let cancelled: Promise<void> | undefined;
  const cancel = () => {
    cancelled = cancelStatement(address, owner).catch(() => undefined); // it ends with the connection at the latest
  };
  signal.throwIfAborted();
  await owner.connect();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await work(owner);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', cancel);
    await cancelled;
    await owner.end();
  }
}

async function cancelStatement(
  address: DatabaseAddress,
  { processID }: pg.Client & { processID?: number },
): Promise<void> {
  const other = new pg.Client(connectionOptions(address));
  other.on('error', () => undefined);
  await other.connect();
  try {
    await other.query(`select pg_cancel_backend($1)`, [processID]);
  } finally {
    await other.end();
  }
}
