import { ArrayMaxSize, ArrayMinSize, IsArray, IsOptional, IsString } from 'class-validator';
import { InvalidPayload, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { CacheFlushes, Caches } from '../../platform/caches/index.js';

export class CacheFlushPayload {
  /** The caches to flush; all where left out. */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  names?: string[];
}

export interface CacheFlushResult {
  summary: string;
  /** Cache → entries that were dropped, over all processes. */
  flushed: Record<string, number>;
  /** Processes that have flushed. */
  processes: string[];
  /** Those that are there and did not answer in time; they will once they do. */
  silent: string[];
}

/** Longer than a process takes to notice by itself, and than one takes to be counted as gone. */
const waitMs = 20_000;

/** Makes every process forget what it remembers of the database: for after a restore, a repair by hand, or a doubt. */
@JobHandler('cache.flush', {
  aliases: ['cache_flush'],
  maxRetries: 1,
  timeoutSeconds: 60,
  payload: CacheFlushPayload,
  systemOnly: true,
  limits: { running: 1 },
})
export class CacheFlush implements Job<CacheFlushPayload, CacheFlushResult> {
  constructor(
    private readonly caches: Caches,
    private readonly flushes: CacheFlushes,
  ) {}

  async checkPayload({ names = [] }: CacheFlushPayload): Promise<void> {
    const known = this.caches.names();
    const problems = names.flatMap((name, index) =>
      known.includes(name)
        ? []
        : [{ pointer: `/names/${index}`, message: `is no cache; there are ${known.join(', ')}` }],
    );
    if (problems.length > 0) throw new InvalidPayload(problems);
  }

  async run({ names }: CacheFlushPayload, ctx: JobContext): Promise<CacheFlushResult> {
    const reports = await this.flushes.flushEverywhere(names ?? null, waitMs, ctx.signal);
    const done = reports.filter((report) => report.done);
    const flushed: Record<string, number> = {};
    for (const { name, report } of done) {
      ctx.log('info', `${name} has flushed`, report);
      for (const [cache, entries] of Object.entries(report)) flushed[cache] = (flushed[cache] ?? 0) + entries;
    }
    const silent = reports.filter((report) => !report.done).map(({ name }) => name);
    for (const name of silent) ctx.log('warn', `${name} has not answered within ${waitMs} ms`);
    const caches = Object.keys(flushed).length;
    const summary = `${caches} cache(s) flushed in ${done.length} of ${reports.length} process(es)`;
    return { summary, flushed, processes: done.map(({ name }) => name), silent };
  }
}
