/** Job types for these tests alone, and how to wait for what becomes of their jobs. */
import { Module } from '@nestjs/common';
import { IsInt, IsOptional, IsString } from 'class-validator';
import { DiscardJob, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import type { Caller } from '../../support/test-app.js';

class GreetPayload {
  @IsString()
  name!: string;

  @IsOptional()
  @IsInt()
  times?: number;
}

@JobHandler('test.greet', { payload: GreetPayload, queue: 'greetings' })
class Greet implements Job<GreetPayload> {
  async run({ name }: GreetPayload, ctx: JobContext) {
    await ctx.progress(40, 'found the words');
    ctx.log('info', 'greeting', { name });
    ctx.log('warn', 'nobody answers');
    return { greeting: `Hello ${name}` };
  }
}

/** A job of a type below goes on until the test lets it, or its signal fires. */
export const gate = { opened: new Map<string, () => void>(), abortedAt: new Map<string, number>() };

class GatePayload {
  @IsString()
  id!: string;
}

@JobHandler('test.gate', { payload: GatePayload, maxRetries: 0 })
class Gate implements Job<GatePayload> {
  async run({ id }: GatePayload, ctx: JobContext) {
    await ctx.progress(10, 'waiting');
    await new Promise<void>((resolve, reject) => {
      gate.opened.set(id, resolve);
      ctx.signal.addEventListener('abort', () => {
        gate.abortedAt.set(id, performance.now());
        reject(ctx.signal.reason as Error);
      });
    });
    return { id };
  }
}

@JobHandler('test.fail', { maxRetries: 1, backoff: { base: 1, cap: 1 } })
class Fail implements Job {
  async run(): Promise<never> {
    throw new Error('out of ink');
  }
}

@JobHandler('test.discard')
class Discard implements Job {
  async run(): Promise<never> {
    throw new DiscardJob('this is a PNG', 'wrong_format');
  }
}

@JobHandler('test.dataset')
class Dataset implements Job {
  async run(_: unknown, ctx: JobContext) {
    ctx.setSubject('dataset', '019aa000-0000-7000-8000-000000000001');
  }
}

@JobHandler('test.internal', { internal: true })
class Internal implements Job {
  async run() {}
}

@JobHandler('test.limited', { aliases: ['test_limited'], limits: { running: 4, perMinutePerKey: 9 } })
class Limited implements Job {
  async run() {}
}

@JobHandler('test.system', { systemOnly: true })
class System implements Job {
  async run() {}
}

@Module({ providers: [Greet, Gate, Fail, Discard, Dataset, Internal, Limited, System] })
export class TestJobsModule {}

/** Asks again until the answer is as wanted; fails with the last answer after ten seconds. */
export async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still not as wanted: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** The job as the system route answers it, once it has that status. */
// oxlint-disable-next-line typescript/no-explicit-any -- bodies are looked into by expectations
export async function jobOnce(caller: Caller, id: string, status: string): Promise<any> {
  const path = `/api/system/background-jobs/${id}`;
  const { body } = await eventually(
    () => caller.request('GET', path),
    (answer) => answer.body.status === status,
  );
  return body;
}
