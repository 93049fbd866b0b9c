import type { Sql, SqlPool } from './ports.js';

/**
 * The same pool, whose statements are given up after `ms` without an answer: a half-open connection answers neither yes nor no, and whoever
 * waited for it would wait for ever. The connection is closed; what became of the statement is unknown, as after a lost connection.
 */
export function givenUpAfter(ms: number, pool: SqlPool): SqlPool {
  return {
    ...hasty(ms, pool),
    async connect() {
      const client = await pool.connect();
      return {
        ...hasty(ms, client),
        release: (broken) => client.release(broken),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      };
    },
  };
}

const hasty = (ms: number, sql: Sql): Sql => ({
  query: (text, values) =>
    sql.query(typeof text === 'string' ? { text, values, query_timeout: ms } : { query_timeout: ms, ...text }),
});
