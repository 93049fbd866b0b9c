/** The tables: those of the engine from its own migrations, and one of ours. */
import type pg from 'pg';
import * as engine from '../../migrations/engine.js';

/** Any number; two processes that start at once meet here. */
const schemaLock = 4_711;
/** The engine's migrations grant to these; whoever gives each pool a role of its own has walls between them, we use the login for everything. */
const roles = ['carillon_app', 'carillon_platform', 'carillon_engine'];

/** Brings the database up to date; safe to repeat. The login has to own the database, and to create roles the first time on a server. */
export async function prepareSchema(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock($1)`, [schemaLock]);
    for (const role of roles)
      await client.query(
        `do $$ begin if to_regrole('${role}') is null then create role ${role} nologin; end if; end $$`,
      );
    await client.query(`create table if not exists engine_migrations (name text primary key)`);
    const { rows } = await client.query<{ name: string }>(`select name from engine_migrations`);
    const done = new Set(rows.map(({ name }) => name));
    for (const Migration of inOrder().filter(({ name }) => !done.has(name))) {
      await new Migration().up({ query: (text: string) => client.query(text) } as never); // `query` is all that they use of a runner
      await client.query(`insert into engine_migrations values ($1)`, [Migration.name]);
    }
    await client.query(
      `create table if not exists orders (id uuid primary key, customer text not null, confirmed_at timestamptz, job_id uuid)`,
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

const numberIn = (name: string) => Number(/\d+$/.exec(name)?.[0]);
const inOrder = () => Object.values(engine).sort((a, b) => numberIn(a.name) - numberIn(b.name));
