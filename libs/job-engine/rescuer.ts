/** Takes over what lost workers ran: each of their unfinished jobs goes back to its queue, or ends, with the loss in its history. */
import { cancelledInstead, decideEnd, type FinishWriter } from './finisher.js';
import { type EndOfRun, expiredWorkers, removeWorker, takeOver } from './job-store/index.js';
import type { EngineLog, Sql, SqlPool } from './ports.js';
import { inTransaction } from './transaction.js';
import { gatesChanged } from './wakeups.js';

export interface RescuerOptions {
  pool: SqlPool;
  writer: FinishWriter;
  wake(queues: Iterable<string>): void;
  log: EngineLog;
}

/** Answers how many jobs were taken over. One worker whose rescue fails does not hide the others. */
export async function rescueLostWorkers(options: RescuerOptions): Promise<number> {
  let rescued = 0;
  for (const worker of await expiredWorkers(options.pool)) {
    try {
      const ends = await rescueWithOrWithoutHooks(worker, options);
      if (!ends) continue;
      rescued += ends.length;
      options.log.warn(`worker ${worker.name} fell silent: took over its ${ends.length} jobs`);
      options.wake(new Set([...ends.map((end) => end.job.queue), gatesChanged]));
    } catch (error) {
      options.log.error(`worker ${worker.name} could not be rescued`, error);
    }
  }
  return rescued;
}

/** A hook that cannot write must not keep jobs from running again. */
async function rescueWithOrWithoutHooks(
  worker: { number: number; name: string },
  { pool, writer, log }: RescuerOptions,
): Promise<EndOfRun[] | null> {
  try {
    return await inTransaction(pool, (tx) => rescue(tx, worker, writer));
  } catch (error) {
    log.error(`rescuing worker ${worker.name} failed, trying without finish hooks`, error);
    return inTransaction(pool, (tx) => rescue(tx, worker, writer.withoutHooks()));
  }
}

async function rescue(
  tx: Sql,
  worker: { number: number; name: string },
  writer: FinishWriter,
): Promise<EndOfRun[] | null> {
  const jobs = await takeOver(tx, worker.number);
  if (!jobs) return null;
  const ends = jobs.map((job) => decideEnd(job, { kind: 'worker_lost' }, job.claimedAt, { startedAt: job.claimedAt }));
  const accepted = await writer.write(worker, ends, [], tx);
  const refused = ends.filter((end) => !accepted.has(end.job.id));
  if (refused.length > 0) await writer.write(worker, refused.map(cancelledInstead), [], tx);
  await removeWorker(tx, worker.number);
  return ends;
}
