/** What the code says of its job types, written where the gates read it (job_type_controls). An administrator's columns overrule it. */
import type { TypeLimits } from '../handler.js';
import type { Sql } from '../ports.js';

/**
 * Writes the limits of all types that declare any, and takes them from those that do so no longer: the last process to start wins.
 * Changes nothing where nothing differs; where something does, triggers tell those who open the gates. Answers the types changed.
 */
export async function declareLimits(sql: Sql, limits: ReadonlyMap<string, TypeLimits>): Promise<string[]> {
  const declared = JSON.stringify(
    [...limits].map(([type, { running, perMinute, runningPerKey, perMinutePerKey }]) => ({
      job_type: type,
      max_running: running,
      per_minute: perMinute,
      key_max_running: runningPerKey,
      key_per_minute: perMinutePerKey,
    })),
  );
  // asked first: the triggers fire for a statement that writes nothing, too
  const { rows } = await sql.query<{ job_type: string }>(differing, [declared]);
  if (rows.length > 0) await sql.query(write, [declared]);
  return rows.map((row) => row.job_type);
}

const columns = `declared_max_running, declared_per_minute, declared_key_max_running, declared_key_per_minute`;
const wanted = `jsonb_to_recordset($1::jsonb)
  d (job_type text, max_running int, per_minute int, key_max_running int, key_per_minute int)`;

/** What is declared and what stands, side by side; a type that declares nothing is wanted with nulls. */
const differing = `
  select job_type from ${wanted} full join job_type_controls c using (job_type)
   where (c.declared_max_running, c.declared_per_minute, c.declared_key_max_running, c.declared_key_per_minute)
         is distinct from (d.max_running, d.per_minute, d.key_max_running, d.key_per_minute)`;

const write = `
  insert into job_type_controls as c (job_type, ${columns})
    select job_type, d.max_running, d.per_minute, d.key_max_running, d.key_per_minute
      from ${wanted} full join job_type_controls stands using (job_type)
     order by job_type
  on conflict (job_type) do update set (${columns}) = (excluded.declared_max_running, excluded.declared_per_minute,
      excluded.declared_key_max_running, excluded.declared_key_per_minute)
   where (c.declared_max_running, c.declared_per_minute, c.declared_key_max_running, c.declared_key_per_minute) is distinct from
     (excluded.declared_max_running, excluded.declared_per_minute, excluded.declared_key_max_running, excluded.declared_key_per_minute)`;
