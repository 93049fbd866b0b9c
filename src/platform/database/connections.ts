import pg from 'pg';
import type { DatabaseAddress } from '../config/index.js';
import type { DatabaseRole } from './roles.js';

/** A statement that runs longer than this is a mistake in a request; migrations and the engine are not bound by it. */
const requestTimeouts = '-c statement_timeout=30s';
/**
 * A process that is gone without a word must not hold locks: neither between two statements, nor while the server sends it an answer that
 * nobody takes (a claim holds its queue's lock until its answer is sent). Linux would try for a quarter of an hour.
 */
const goneTimeouts = (role?: DatabaseRole) =>
  // the engine's statements follow each other at once; what it holds keeps lost workers from being rescued
  `-c idle_in_transaction_session_timeout=${role === 'carillon_engine' ? 10 : 60}s -c tcp_user_timeout=20000 -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5`;
/** Silence of the server, in ms, after which a pool gives up a statement and closes its connection; long work says more itself. */
const longestSilence = 60_000;

/** Options of one connection as `role`, or as the owner where none is given. */
export function connectionOptions(address: DatabaseAddress, role?: DatabaseRole): pg.ClientConfig {
  const where = 'url' in address ? { connectionString: address.url } : address;
  const timeouts = role === 'carillon_engine' ? goneTimeouts(role) : `${goneTimeouts(role)} ${requestTimeouts}`;
  return {
    ...where,
    application_name: role ?? 'carillon',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(role && { options: `-c role=${role} -c timezone=UTC ${timeouts}` }),
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
  const pool = new pg.Pool({ ...connectionOptions(address, role), max: size, query_timeout: longestSilence });
  pool.on('error', report);
  pool.on('connect', (client) => client.on('error', () => undefined)); // whoever holds it sees its statement fail
  return pool;
}
