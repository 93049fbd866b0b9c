import { sqlState } from './errors.js';
import type { Sql, SqlPool } from './ports.js';

/** Runs `work` in a transaction of its own; an error rolls it back and is thrown on. */
export async function inTransaction<T>(pool: SqlPool, work: (tx: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // a connection cut between two statements says so by an event, which without a listener would end the process
  const ignore = () => undefined; // the next statement fails and says why
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((reason: Error) => {
      broken = reason;
    });
    // after a failover the connection may lead to a server that takes no writes any more, and the pool would give it out for ever
    if (sqlState(error) === '25006') broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(broken);
  }
}
