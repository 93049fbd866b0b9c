/** Takes over what lost workers ran: each of their unfinished jobs goes back to its queue, or ends, with the loss in its history. */
import { cancelledInstead, decideEnd, type FinishWriter } from './finisher.js';
import { type EndOfRun, expiredWorkers, removeWorker, takeOver } from './job-store/index.js';
import type { EngineLog, Sql, SqlPool } from './ports.js';
import { inTransaction } from './transaction.js';
import { gatesChanged } from './wakeups.js';

export interface RescuerOptions {
  pool: SqlPool;
  writer: FinishWriter;
  wake: (queues: Iterable<string>) => void;
  log: EngineLog;
}

/** Answers how many jobs were taken over. One worker or job whose rescue fails does not hide the others. */
export async function rescueLostWorkers({ pool, writer, wake, log }: RescuerOptions): Promise<number> {
  let rescued = 0;
  for (const worker of await expiredWorkers(pool)) {
    try {
      const rescue = await inTransaction(pool, (tx) => rescueWorker(tx, worker, writer));
      if (!rescue) continue;
      const { ends, stuck, reason } = rescue;
      rescued += ends.length;
      log.warn(`worker ${worker.name} fell silent: took over its ${ends.length} jobs`);
      if (stuck.length > 0)
        log.error(
          `${stuck.length} jobs of worker ${worker.name} could not be rescued, ${stuck[0]!.job.id} first`,
          reason,
        );
      wake(new Set([...ends.map((end) => end.job.queue), gatesChanged]));
    } catch (error) {
      log.error(`worker ${worker.name} could not be rescued`, error);
    }
  }
  return rescued;
}

interface Rescue {
  ends: EndOfRun[];
  /** What PostgreSQL would not write stays the lost worker's, and is tried again at the next look. */
  stuck: EndOfRun[];
  reason: unknown;
}

async function rescueWorker(
  tx: Sql,
  worker: { number: number; name: string },
  writer: FinishWriter,
): Promise<Rescue | null> {
  const jobs = await takeOver(tx, worker.number);
  if (!jobs) return null;
  const ends = jobs.map((job) => decideEnd(job, { kind: 'worker_lost' }, job.claimedAt, { startedAt: job.claimedAt }));
  const rescue: Rescue = { ends: [], stuck: [], reason: undefined };
  const write = async (part: EndOfRun[], by: FinishWriter): Promise<void> => {
    const refused = await by.write(worker, part, [], tx);
    if (refused.size === 0) return;
    const again = part.filter((end) => refused.has(end.job.id));
    await by.write(worker, again.map(cancelledInstead), [], tx);
  };
  await writeByHalves(tx, ends, { write, writers: [writer, writer.withoutHooks()], rescue });
  if (rescue.stuck.length === 0) await removeWorker(tx, worker.number);
  return rescue;
}

interface Halving {
  write: (part: EndOfRun[], by: FinishWriter) => Promise<void>;
  /** The second for a single end whose hook cannot write: that must not keep its job from running again. */
  writers: FinishWriter[];
  rescue: Rescue;
}

/** All in one statement; where that fails, the culprit is found, and it alone is left. */
async function writeByHalves(tx: Sql, ends: EndOfRun[], { write, writers, rescue }: Halving): Promise<void> {
  if (ends.length === 0) return;
  for (const writer of ends.length === 1 ? writers : writers.slice(0, 1)) {
    await tx.query(`savepoint part`);
    try {
      await write(ends, writer);
      await tx.query(`release savepoint part`);
      rescue.ends.push(...ends);
      return;
    } catch (error) {
      await tx.query(`rollback to savepoint part`); // throws where the connection is gone: then nothing of this is kept
      rescue.reason = error;
    }
  }
  if (ends.length === 1) {
    rescue.stuck.push(ends[0]!);
    return;
  }
  const half = Math.ceil(ends.length / 2);
  for (const part of [ends.slice(0, half), ends.slice(half)]) await writeByHalves(tx, part, { write, writers, rescue });
}
