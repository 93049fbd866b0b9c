import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import type { DatabaseRole } from './roles.js';

/** A statement that runs longer than this is a mistake in a request; migrations and the engine are not bound by it. */
const requestTimeouts = '-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s';

/** Options of one connection as `role`, or as the owner where none is given. */
export function connectionOptions(address: DatabaseAddress, role?: DatabaseRole): pg.ClientConfig {
  const where = 'url' in address ? { connectionString: address.url } : address;
  const timeouts = role === undefined || role === 'carillon_engine' ? '' : ` ${requestTimeouts}`;
  return {
    ...where,
    application_name: role ?? 'carillon',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(role && { options: `-c role=${role} -c timezone=UTC${timeouts}` }),
  };
}

/**
 * A pool as `role`. An idle connection that the server ends is replaced by the pool, so its error is only reported. One that is taken out has
 * lost the pool's listener, and an error event without a listener ends the process; so each has one of its own for life.
 */
export function openPool(
  address: DatabaseAddress,
  role: DatabaseRole,
  size: number,
  report: (error: Error) => void,
): pg.Pool {
  const pool = new pg.Pool({ ...connectionOptions(address, role), max: size });
  pool.on('error', report);
  pool.on('connect', (client) => client.on('error', () => undefined)); // whoever holds it sees its statement fail
  return pool;
}
