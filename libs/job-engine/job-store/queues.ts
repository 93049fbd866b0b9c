/** Queues by name and number. The narrow tables know only the number; queues are never deleted, so numbers may be kept for ever. */
import { InvalidQueueName } from '../errors.js';
import type { Sql } from '../ports.js';

export class Queues {
  private numbers = new Map<string, number>();

  /** `pool` commits on its own: a queue that a rolled-back transaction had made would leave a number that leads nowhere. */
  constructor(private readonly pool: Sql) {}

  get size(): number {
    return this.numbers.size;
  }

  /** After a restore from a backup a number may be another queue's. */
  clear(): void {
    this.numbers = new Map(); // those who hold the old one are in the middle of using it
  }

  /** Numbers by name; makes the queues that are missing. */
  async numbersOf(names: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const { numbers } = this;
    const unknown = [...new Set(names)].filter((name) => !numbers.has(name));
    for (const name of unknown) if (!queueName.test(name)) throw new InvalidQueueName(name);
    if (unknown.length > 0) {
      // select first: an insert that conflicts would still burn one of 32,767 numbers
      await this.learn(numbers, unknown);
      const missing = unknown.filter((name) => !numbers.has(name));
      if (missing.length > 0) {
        await this.pool.query(`insert into queues (name) select unnest($1::text[]) on conflict do nothing`, [missing]);
        await this.learn(numbers, missing);
      }
    }
    return numbers;
  }

  private async learn(numbers: Map<string, number>, names: string[]): Promise<void> {
    const text = `select number, name from queues where name = any ($1)`;
    const { rows } = await this.pool.query<{ number: number; name: string }>(text, [names]);
    for (const { name, number } of rows) numbers.set(name, number);
  }
}

/** Queues that a worker may serve and that have something ready; none of `only` means all. */
export async function queuesWithWork(sql: Sql, only: readonly string[]): Promise<{ number: number; name: string }[]> {
  const { rows } = await sql.query<{ number: number; name: string }>({
    name: 'carillon-queues-with-work',
    text: `select number, name from queues where paused_at is null and ($1::text[] = '{}' or name = any ($1))
             and exists (select from job_ready where queue = number)`,
    values: [only],
  });
  return rows;
}

const queueName = /^[a-z0-9][a-z0-9._-]{0,62}$/;
