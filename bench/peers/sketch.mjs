/**
 * The fastest bare loop that still keeps what happened: gathered inserts, two claimers, grouped and fenced completion with attempts.
 * No organisations, limits, hooks, leases, row-level security, logs or reading views: what the product's drain is compared with to see
 * what those cost.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';

const tables = `
  create table jobs (id uuid primary key, type text not null, status text not null default 'queued', payload jsonb not null, result jsonb,
    created_at timestamptz not null default now(), started_at timestamptz, completed_at timestamptz) with (fillfactor = 60);
  create table ready (job_id uuid not null, rank bigint not null);
  create index on ready (rank, job_id);
  create table claims (claim_id bigint generated always as identity primary key, jobs uuid[] not null);
  create table attempts (job_id uuid not null, number int not null, outcome text not null, started_at timestamptz, ended_at timestamptz,
    primary key (job_id, number));`;
const insert = {
  name: 'insert',
  text: `with made as (insert into jobs (id, type, payload) select id, 'noop', '{"n": 1}' from unnest($1::uuid[]) id returning id)
         insert into ready select id, (extract(epoch from now()) * 1000000)::bigint from made`,
};
const claim = {
  name: 'claim',
  text: `with taken as (
           delete from ready where ctid = any (array(select ctid from ready order by rank, job_id limit $1 for update skip locked)) returning job_id
         ), kept as (insert into claims (jobs) select array_agg(job_id) from taken having count(*) > 0 returning claim_id, jobs)
         select claim_id, j.* from kept, jobs j where j.id = any (array(select job_id from taken))`,
};
const finish = {
  name: 'finish',
  text: `with fence as materialized (select claim_id from claims where claim_id = $1 for share), ended as (
           update jobs set status = 'completed', completed_at = now() where id = any ($2::uuid[]) and status = 'queued'
             and exists (select from fence) returning id
         ), history as (insert into attempts select id, 1, 'completed', now(), now() from ended),
         dropped as (delete from claims where claim_id = $1)
         select count(*) from ended`,
};

export async function openSketch(url) {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  await pool.query(tables);
  const gather = gatherer((ids) => pool.query({ ...insert, values: [ids] }));
  return {
    name: 'sketch (bare loop, two claimers)',
    enqueue: () => gather(randomUUID()),
    enqueueMany: (count) => pool.query({ ...insert, values: [Array.from({ length: count }, () => randomUUID())] }),
    analyze: () => pool.query('vacuum (analyze) jobs, ready'),
    async work(handler) {
      const end = new AbortController();
      const claimer = async () => {
        const writing = new Set();
        while (!end.signal.aborted) {
          const { rows } = await pool.query({ ...claim, values: [1_000] });
          if (rows.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, 2));
            continue;
          }
          const written = Promise.all(rows.map((row) => handler(row))).then(() =>
            pool.query({ ...finish, values: [rows[0].claim_id, rows.map((row) => row.id)] }),
          );
          writing.add(written);
          void written.finally(() => writing.delete(written));
          if (writing.size > 1) await Promise.race(writing);
        }
        await Promise.all(writing);
      };
      const claimers = [claimer(), claimer()];
      return async () => {
        end.abort();
        await Promise.all(claimers);
      };
    },
    async unfinished() {
      const { rows } = await pool.query(
        'select (select count(*) from ready)::int + (select count(*) from claims)::int jobs',
      );
      return rows[0].jobs;
    },
    empty: () => pool.query('truncate jobs, ready, claims, attempts'),
    close: () => pool.end(),
    noLatency: 'polls; nothing wakes it',
  };
}

/** Callers that come while a write is under way share the next one; two writes at once. */
function gatherer(write) {
  let waiting = [];
  let writing = 0;
  const flush = async () => {
    if (waiting.length === 0 || writing >= 2) return;
    const batch = waiting.splice(0, 500);
    writing++;
    await write(batch.map(({ item }) => item)).then(
      () => batch.forEach(({ resolve }) => resolve()),
      (error) => batch.forEach(({ reject }) => reject(error)),
    );
    writing--;
    void flush();
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      setImmediate(() => void flush());
    });
}
