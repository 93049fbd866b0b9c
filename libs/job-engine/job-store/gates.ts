/** Held jobs whose parents, batch, key or type let them go now. The decisions are the function open_gates (migrations). */
import type { Sql } from '../ports.js';

/**
 * Whether a due job has to go through job_held: its concurrency key or its type may withhold it. The functions of the hot path say the
 * same in the migrations.
 */
export const passesGates = (job: string) =>
  `(${job}.concurrency_key is not null or ${job}.job_type in (select job_type from job_type_controls where gated))`;

/** Lets go at most `most` of each kind; answers the queues that got jobs, and after how long to look again: null when told. */
export async function openGates(sql: Sql, most: number): Promise<{ queues: string[]; lookAgainMs: number | null }> {
  const { rows } = await sql.query<{ queue: string | null; look_again_ms: number | null }>({
    name: 'carillon-open-gates',
    text: `select queue, look_again_ms from open_gates($1)`,
    values: [most],
  });
  return {
    queues: rows.flatMap(({ queue }) => queue ?? []),
    lookAgainMs: rows[0]?.look_again_ms ?? null,
  };
}

/** Slots and starts that count no more although nobody has said so. */
export async function sweepGates(sql: Sql): Promise<void> {
  await sql.query({ name: 'carillon-sweep-gates', text: `select sweep_gates()` });
}
