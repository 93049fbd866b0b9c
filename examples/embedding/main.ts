/** Places an order, waits until its job has confirmed it, and ends. */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { AppModule } from './app.module.js';
import { Orders } from './orders.js';
import { prepareSchema } from './schema.js';

const databaseUrl = process.env.DATABASE_URL;
if (!databaseUrl) {
  console.error('set DATABASE_URL to a PostgreSQL database of your own');
  process.exit(2);
}
const pool = new pg.Pool({ connectionString: databaseUrl, max: 8 });
pool.on('error', (error) => console.error(`connection lost: ${error.message}`));
await prepareSchema(pool);

// every job belongs to an organisation; an application with one customer has one
const { rows } = await pool.query<{ id: string }>(
  `insert into organizations (id, name, slug) values ($1, 'Our shop', 'our-shop')
     on conflict (slug) do update set name = excluded.name returning id`,
  [uuidv7()],
);
const app = await NestFactory.createApplicationContext(AppModule.with(pool, databaseUrl), {
  logger: ['warn', 'error'],
});
const orderId = await app.get(Orders).place(rows[0]!.id, 'Ada');
console.log(`order ${orderId} placed`);

for (let job: string | null = null; job === null; await delay(50)) {
  const { rows: found } = await pool.query<{ job: string | null }>(`select job_id as job from orders where id = $1`, [
    orderId,
  ]);
  job = found[0]!.job;
  if (job !== null) console.log(`order ${orderId} confirmed by job ${job}`);
}
await app.close();
await pool.end();
