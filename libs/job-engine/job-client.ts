import { sqlState } from './errors.js';
import { Gatherer } from './gatherer.js';
import type { HandlerDefaults } from './handler.js';
import { cancelJob, insertJobs, newJob, type NewJob, Queues, retryJob } from './job-store/index.js';
import type { CancelResult, EnqueuedJob, EnqueueRequest, RetryResult, Sql } from './ports.js';
import { anyQueue, cancelAsked, gatesChanged } from './wakeups.js';

export interface JobClientOptions {
  /** Engine-role pool, for gathered enqueues and wake-ups. */
  pool: Sql;
  /** Who tells the workers; without one they find out by polling. */
  wakeups?: { wake(topics: Iterable<string>): void };
  /** What a type's handler asks for where the request says nothing. */
  defaults?: (jobType: string) => HandlerDefaults | undefined;
}

/** Puts jobs in, and takes them back. */
export class JobClient {
  /** Numbers of queues, remembered for ever. */
  readonly queues: Queues;
  /** Requests with a key may wait for somebody's open transaction that holds the same key; the others never wait with them. */
  private readonly gathered = { plain: this.gatherer(), keyed: this.gatherer() };

  constructor(protected readonly options: JobClientOptions) {
    this.queues = new Queues(options.pool);
  }

  /**
   * Inside the caller's transaction: committed, it runs; rolled back, it was never there. Call `wake` after the commit.
   * One statement for any number, all or nothing.
   * @throws IdempotencyClash, InvalidQueueName
   */
  async enqueue(tx: Sql, requests: readonly EnqueueRequest[]): Promise<EnqueuedJob[]> {
    if (requests.length === 0) return [];
    const jobs = requests.map((request) => this.newJob(request));
    const answers = await insertJobs(tx, jobs, await this.queues.numbersOf(jobs.map((job) => job.queue)));
    return answers.map((answer) => {
      if (answer instanceof Error) throw answer;
      return answer;
    });
  }

  /**
   * On its own: concurrent calls are gathered into one INSERT. Resolves once committed; workers are woken.
   * @throws IdempotencyClash, InvalidQueueName
   */
  async enqueueGathered(request: EnqueueRequest): Promise<EnqueuedJob> {
    const job = this.newJob(request);
    await this.queues.numbersOf([job.queue]);
    return this.gathered[request.idempotency || request.uniqueKey ? 'keyed' : 'plain'].add(job);
  }

  /** In the caller's transaction; call `wakeCancelled` after the commit, or the worker finds out within a second. */
  cancel(tx: Sql, jobId: string, by: { userId: string | null; reason?: string }): Promise<CancelResult> {
    return cancelJob(tx, jobId, by);
  }

  /**
   * In the caller's transaction; call `wake` after the commit.
   * @throws UniqueKeyHeld when another job of its type holds its unique key now
   */
  retry(tx: Sql, jobId: string, by: { userId: string | null }): Promise<RetryResult> {
    return retryJob(tx, jobId, by);
  }

  /** Tells workers everywhere, debounced, that something became ready in these queues; in any, or held, if none is given. */
  wake(queues: Iterable<string> = [anyQueue, gatesChanged]): void {
    this.options.wakeups?.wake(queues);
  }

  /** Tells workers everywhere to look which of their runs are to stop. */
  wakeCancelled(): void {
    this.options.wakeups?.wake([cancelAsked]);
  }

  private newJob(request: EnqueueRequest): NewJob {
    const defaults = this.options.defaults?.(request.jobType);
    return newJob({
      ...request,
      queue: request.queue ?? defaults?.queue ?? 'default',
      priority: request.priority ?? defaults?.priority,
      maxRetries: request.maxRetries ?? defaults?.maxRetries,
      timeoutSeconds: request.timeoutSeconds ?? defaults?.timeoutSeconds,
      backoff: request.backoff ?? defaults?.backoff,
    });
  }

  private gatherer(): Gatherer<NewJob, EnqueuedJob> {
    return new Gatherer((jobs) => this.insertGathered(jobs), { maxBatch: 500, writers: 2 });
  }

  private async insertGathered(jobs: NewJob[]): Promise<(EnqueuedJob | Error)[]> {
    const answers = await this.insertOrOneByOne(jobs);
    this.wake(new Set(answers.flatMap((answer) => (answer instanceof Error ? [] : [answer.queue]))));
    return answers;
  }

  /** After an SQL error each goes alone: one caller's violation never fails its neighbours. */
  private async insertOrOneByOne(jobs: NewJob[]): Promise<(EnqueuedJob | Error)[]> {
    const numbers = await this.queues.numbersOf(jobs.map((job) => job.queue));
    try {
      return await insertJobs(this.options.pool, jobs, numbers);
    } catch (error) {
      if (jobs.length === 1 || sqlState(error) === undefined) return jobs.map(() => error as Error);
    }
    const answers: (EnqueuedJob | Error)[] = [];
    for (const job of jobs)
      answers.push(
        await insertJobs(this.options.pool, [job], numbers).then(
          ([answer]) => answer!,
          (error: Error) => error,
        ),
      );
    return answers;
  }
}
