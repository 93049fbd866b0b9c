/** A history written by SQL: jobs of a thousand organisations over thirty days, with rare types, tags, codes and people among them. */
import type pg from 'pg';
import { foldStatistics } from '@carillon/job-engine';

export interface History {
  /** Has about a third of all jobs. */
  largest: string;
  /** Has a thousandth or less. */
  usual: string;
  person: string;
}

const organization = (n: string) => `('00000000-0000-7000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const person = (n: string) => `('10000000-0000-7000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const idOf = (n: string) =>
  `(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(${n}::text), 1, 3) || '8' || substr(md5(${n}::text), 4, 15))::uuid`;

export async function seedHistory(owner: pg.Pool, engine: pg.Pool, jobs: number): Promise<History> {
  await owner.query(
    `insert into organizations (id, name, slug) select ${organization('n')}, 'Organisation ' || n, 'organisation-' || n from generate_series(1, 1000) n`,
  );
  await owner.query(
    `insert into queues (name) values ('default'), ('imports'), ('exports'), ('mail') on conflict do nothing`,
  );
  await owner.query(seedJobs, [jobs]);
  await owner.query(
    `insert into job_attempts (job_id, number, organization_id, worker, outcome, started_at, ended_at)
       select id, 1, organization_id, 'w', status, started_at, completed_at from background_jobs where status <> 'queued'`,
  );
  await owner.query(
    `insert into job_ready (job_id, queue, org, rank, run)
       select b.id, q.number, o.number, job_rank(b.run_at, b.priority), 0 from background_jobs b
         join organizations o on o.id = b.organization_id join queues q on q.name = b.queue where b.status = 'queued'`,
  );
  await owner.query(
    `insert into job_statistics_deltas
       select b.completed_at, o.number, q.number, b.job_type, b.status, 20 + (random() * 20)::int, 40 + (random() * 20)::int, 1
         from background_jobs b join organizations o on o.id = b.organization_id join queues q on q.name = b.queue where b.status <> 'queued'`,
  );
  while ((await foldStatistics(engine, 20_000)) > 0);
  await owner.query(`vacuum analyze`);
  await owner.query(`checkpoint`);
  const { rows } = await owner.query<History>(
    `select ${organization('1')} as largest, ${organization('500')} as usual, ${person('5')} as person`,
  );
  return rows[0]!;
}

const seedJobs = `
  insert into background_jobs (id, organization_id, queue, job_type, status, payload, result, error_code, error_message, attempt_count,
    run, progress, tags, created_by, created_at, run_at, started_at, completed_at, failed_at, updated_at, cancel_requested_at,
    subject_type, subject_id)
  select ${idOf('n')}, ${organization('org')}, (array['default', 'imports', 'exports', 'mail'])[1 + t % 4],
    case when n % 10007 = 0 then 'report.rare' else 'type.' || t end, s,
    jsonb_build_object('uploadId', md5(n::text), 'n', n, 'options', jsonb_build_object('kind', 'csv', 'rows', n % 1000)),
    case when s = 'completed' then jsonb_build_object('rows', n % 1000, 'note', repeat('x', 60)) end,
    case when s = 'failed' then case when n % 53 = 0 then 'rare_code' else (array['timeout', 'smtp_451', 'bad_file', 'worker_lost'])[1 + n % 4] end end,
    case when s = 'failed' then 'could not do it because of reason ' || n % 97 end,
    1, 1, case when s = 'completed' then 100 else 40 end,
    case when n % 5000 = 0 then array['rare'] when n % 10 = 0 then array['nightly'] else '{}' end,
    case when n % 5 = 0 then ${person('n % 3000')} end,
    at, at, at + interval '1 second', at + interval '1 second' * (2 + r * 60), case when s = 'failed' then at + interval '1 minute' end,
    at + interval '1 minute', case when s = 'cancelled' then at end,
    case when n % 3 = 0 then 'dataset' end, case when n % 3 = 0 then 'ds-' || n end
  from (
    select n, now() - interval '30 days' + interval '30 days' * (n / $1::float8) as at,
      case when random() < 0.3 then 1 else 1 + floor(1000 * power(random(), 2))::int end org, floor(20 * power(random(), 2))::int t,
      random() r, case when n % 1000 < 950 then 'completed' when n % 1000 < 985 then 'failed' else 'cancelled' end s
    from generate_series(1, $1::int) n) ended
  union all
  select ${idOf('n')}, ${organization('1 + n % 1000')}, 'default', 'type.1', 'queued', '{}', null, null, null, 0, 0, 0, '{}', null,
    at, at, null, null, null, at, null, null, null
  from (select n, now() at from generate_series($1::int + 1, $1::int + 1000) n) waiting`;
