import { Inject } from '@nestjs/common';
import { type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { CONFIG, type Config } from '../../../platform/config/index.js';
import { Database } from '../../../platform/database/index.js';
import { clockTolerance, firstIdAt, instantOf } from '../../id-range.js';
import { clearings, deleteJobs, leastDays, lockEnded, nextWindow } from './prune-statements.js';
import { nextSize, type RetentionDays } from './retention-days.js';

export interface PruneResult {
  /** Jobs deleted, by how they had ended; attempts and logs go with them. */
  completed: number;
  failed: number;
  cancelled: number;
  /** Idempotency keys that are good no more. */
  idempotencyKeys: number;
  /** Finished batches without jobs. */
  batches: number;
  hoursOfStatistics: number;
  daysOfStatistics: number;
  /** The longest that any transaction held its locks. */
  longestTransactionMs: number;
}

const day = 86_400_000;
/** Rows read at once, without locks. */
const windowSize = 5_000;
const clearedAtOnce = 500;
const firstSize = 200;
const beforeAllIds = '00000000-0000-0000-0000-000000000000';

/**
 * Deletes what has been kept long enough: ended jobs by outcome and type, and what is left of keys, batches and statistics. In short
 * transactions of its own, so it may be stopped and run again at any point. Not internal: who keeps an installation wants to hear
 * when it fails.
 */
@JobHandler('jobs.prune', { systemOnly: true, maxRetries: 3, timeoutSeconds: 21_600, limits: { running: 1 } })
export class PruneJobs implements Job<object, PruneResult> {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async run(_payload: object, ctx: JobContext): Promise<PruneResult> {
    const result: PruneResult = { ...nothing };
    const keep = this.config.jobs.keepDays;
    await this.pruneJobs(keep, result, ctx);
    for (const [name, clear] of Object.entries(clearings))
      for (let cleared = clearedAtOnce; cleared === clearedAtOnce;) {
        ctx.signal.throwIfAborted();
        cleared = await timed(result, () => clear(this.database.engine, keep, clearedAtOnce));
        result[name as keyof PruneResult] += cleared;
      }
    ctx.log('info', 'cleared away what was kept long enough', result);
    return result;
  }

  private async pruneJobs(keep: RetentionDays, result: PruneResult, ctx: JobContext): Promise<void> {
    const { days, now } = await leastDays(this.database.engine, keep);
    const before = firstIdAt(now.getTime() - days * day + clockTolerance) ?? beforeAllIds;
    let size = firstSize;
    for (let after: string | null = beforeAllIds, first: string | undefined; after !== null;) {
      const window = await nextWindow(this.database.engine, { after, before, limit: windowSize }, keep);
      for (let done = 0; done < window.old.length;) {
        ctx.signal.throwIfAborted();
        const ids = window.old.slice(done, done + size);
        done += ids.length;
        size = nextSize(size, await this.deleteBatch(ids, result));
      }
      after = window.last;
      first ??= window.old[0] ?? window.last ?? undefined;
      if (after !== null) await ctx.progress(share(first!, after, before), `${summary(result)} deleted`);
    }
  }

  /** Answers how long it took. */
  private async deleteBatch(ids: readonly string[], result: PruneResult): Promise<number> {
    const began = performance.now();
    const gone = await timed(result, () =>
      this.database.asEngine(async (tx) => deleteJobs(tx, await lockEnded(tx, ids))),
    );
    for (const { status, jobs } of gone) result[status as 'completed' | 'failed' | 'cancelled'] += jobs;
    return performance.now() - began;
  }
}

const nothing: PruneResult = {
  completed: 0,
  failed: 0,
  cancelled: 0,
  idempotencyKeys: 0,
  batches: 0,
  hoursOfStatistics: 0,
  daysOfStatistics: 0,
  longestTransactionMs: 0,
};

async function timed<T>(result: PruneResult, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const answer = await work();
  result.longestTransactionMs = Math.max(result.longestTransactionMs, Math.round(performance.now() - began));
  return answer;
}

const summary = ({ completed, failed, cancelled }: PruneResult) => `${completed + failed + cancelled} jobs`;

/** Percent of the way in time; the last tenth is for the rest. */
function share(first: string, at: string, before: string): number {
  const [from, now, to] = [first, at, before].map((id) => instantOf(id).getTime());
  return to! > from! ? Math.floor((90 * (now! - from!)) / (to! - from!)) : 90;
}
