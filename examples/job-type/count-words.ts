import { ArrayMaxSize, ArrayMinSize, IsArray, IsString } from 'class-validator';
import { DiscardJob, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';

export class CountWordsPayload {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @IsString({ each: true })
  texts!: string[];
}

/** Counts the words of some texts. Safe to run again: it changes nothing. */
@JobHandler('words.count', { queue: 'reports', timeoutSeconds: 60, payload: CountWordsPayload })
export class CountWords implements Job<CountWordsPayload, { words: number }> {
  async run({ texts }: CountWordsPayload, ctx: JobContext): Promise<{ words: number }> {
    let words = 0;
    for (const [index, text] of texts.entries()) {
      ctx.signal.throwIfAborted();
      if (text.trim() === '') throw new DiscardJob(`text ${index + 1} is empty`, 'empty_text');
      words += text.trim().split(/\s+/).length;
      await ctx.progress((100 * (index + 1)) / texts.length, `${index + 1} of ${texts.length} texts`);
    }
    ctx.log('info', 'counted', { words });
    return { words };
  }
}
