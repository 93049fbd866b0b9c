import { Inject, Injectable } from '@nestjs/common';
import { IsUUID } from 'class-validator';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import {
  type EndedRun,
  type EnqueuedJob,
  type FinishHook,
  type Job,
  JobClient,
  type JobContext,
  type Sql,
} from '@carillon/job-engine';
import { JobFinishHook, JobHandler } from '@carillon/nest-jobs';

export class ConfirmOrderPayload {
  @IsUUID()
  orderId!: string;
}

/** The work, in the background: here it only writes a sentence. */
@JobHandler('order.confirm', { queue: 'orders', maxRetries: 5, payload: ConfirmOrderPayload })
export class ConfirmOrder implements Job<ConfirmOrderPayload, { letter: string }> {
  constructor(@Inject(pg.Pool) private readonly pool: pg.Pool) {}

  async run({ orderId }: ConfirmOrderPayload, ctx: JobContext): Promise<{ letter: string }> {
    const { rows } = await this.pool.query<{ customer: string }>(`select customer from orders where id = $1`, [
      orderId,
    ]);
    await ctx.progress(50, 'writing the letter');
    return { letter: `Dear ${rows[0]!.customer}, thank you for your order.` };
  }
}

/** Runs in the transaction that ends the job: the order is confirmed exactly when the job is completed, and never twice. */
@JobFinishHook()
export class MarkConfirmed implements FinishHook<{ orderId: string; jobId: string }> {
  rowFor({ jobType, status, subject, jobId }: EndedRun): { orderId: string; jobId: string } | null {
    return jobType === 'order.confirm' && status === 'completed' ? { orderId: subject!.id, jobId } : null;
  }

  async insert(tx: Sql, rows: { orderId: string; jobId: string }[]): Promise<void> {
    await tx.query(
      `update orders set confirmed_at = now(), job_id = done.job_id
         from unnest($1::uuid[], $2::uuid[]) done (id, job_id) where orders.id = done.id`,
      [rows.map(({ orderId }) => orderId), rows.map(({ jobId }) => jobId)],
    );
  }
}

@Injectable()
export class Orders {
  constructor(
    @Inject(pg.Pool) private readonly pool: pg.Pool,
    private readonly jobs: JobClient,
  ) {}

  /** The order and its job in one transaction: both are there or neither. */
  async place(organizationId: string, customer: string): Promise<string> {
    const orderId = uuidv7();
    const tx = await this.pool.connect();
    let placed: EnqueuedJob[];
    try {
      await tx.query('begin');
      await tx.query(`insert into orders (id, customer) values ($1, $2)`, [orderId, customer]);
      const subject = { type: 'order', id: orderId };
      placed = await this.jobs.enqueue(tx, [
        { organizationId, jobType: 'order.confirm', payload: { orderId }, subject },
      ]);
      await tx.query('commit');
    } catch (error) {
      await tx.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      tx.release();
    }
    this.jobs.wakeFor(placed); // without it the worker would notice at its next poll
    return orderId;
  }
}
