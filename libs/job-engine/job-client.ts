import { v7 as uuidv7 } from 'uuid';
import { RequestRefused, sqlState } from './errors.js';
import { Gatherer } from './gatherer.js';
import type { HandlerDefaults, TypeLimits } from './handler.js';
import {
  type BulkCancelResult,
  type BulkRetryResult,
  cancelJob,
  cancelJobs,
  completeBatch,
  declareLimits,
  insertBatch,
  insertJobs,
  newJob,
  type NewJob,
  Queues,
  retryJob,
  retryJobs,
} from './job-store/index.js';
import type {
  BatchRequest,
  CancelResult,
  CreatedBatch,
  EnqueuedJob,
  EnqueueRequest,
  RetryResult,
  Sql,
} from './ports.js';
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
   * Inside the caller's transaction: committed, it runs; rolled back, it was never there. Call `wakeFor` after the commit.
   * One statement for any number, all or nothing. A job that replaces another (onClash `replace`) may fail the commit with SQLSTATE
   * CJ002: a worker took the other one meanwhile.
   * @throws RequestRefused (IdempotencyClash, UniqueKeyHeld, UnknownParent, BatchNotOpen) with the request's index; InvalidQueueName
   */
  async enqueue(tx: Sql, requests: readonly EnqueueRequest[]): Promise<EnqueuedJob[]> {
    return this.insertTogether(
      tx,
      requests.map((request) => this.newJob(request)),
    );
  }

  /**
   * On its own: concurrent calls are gathered into one INSERT. Resolves once committed; workers are woken.
   * @throws RequestRefused (IdempotencyClash, UniqueKeyHeld, UnknownParent, BatchNotOpen), InvalidQueueName
   */
  async enqueueGathered(request: EnqueueRequest): Promise<EnqueuedJob> {
    const job = this.newJob(request);
    await this.queues.numbersOf([job.queue]);
    return this.gathered[request.idempotency || request.uniqueKey || job.linked ? 'keyed' : 'plain'].add(job);
  }

  /**
   * Inside the caller's transaction, which has to be one: the batch, its jobs and the job that runs when the last of them has ended.
   * A member that turned out to be somebody's job already (`reused`) is not counted. A batch that counts none has finished at once, and
   * its completion job runs. Call `wakeForBatch` after the commit.
   * @throws as `enqueue`; the completion job counts as the one after the last
   */
  async createBatch(tx: Sql, request: BatchRequest): Promise<CreatedBatch> {
    const { organizationId, name, createdBy } = request;
    const id = uuidv7();
    await insertBatch(tx, { id, organizationId, name, createdBy });
    const jobs = await this.enqueue(
      tx,
      request.jobs.map((job) => ({ createdBy, ...job, organizationId, batchId: id })),
    );
    const empty = jobs.every((job) => job.reused);
    const completion =
      request.completion &&
      this.newJob({
        createdBy,
        subject: { type: 'batch', id },
        ...request.completion,
        onClash: 'reject',
        organizationId,
        awaitsBatch: empty ? undefined : id,
      });
    await completeBatch(tx, id, { completionJobId: completion?.id ?? null, empty });
    const [completionJob] = completion ? await this.insertTogether(tx, [completion], jobs.length) : [];
    return { id, jobs, completionJobId: completionJob?.id ?? null };
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

  /** As `cancel`, many in two statements; `busy` are those that somebody else holds: ask for them one by one. */
  cancelMany(
    tx: Sql,
    jobIds: readonly string[],
    by: { userId: string | null; reason?: string },
  ): Promise<Map<string, BulkCancelResult>> {
    return cancelJobs(tx, jobIds, by);
  }

  /** As `retry`, many in two statements. */
  retryMany(tx: Sql, jobIds: readonly string[], by: { userId: string | null }): Promise<Map<string, BulkRetryResult>> {
    return retryJobs(tx, jobIds, by);
  }

  /**
   * Makes these the declared limits of all types; a type that is not in the map has none. At the start of a process: the last one to
   * start wins. Answers the types that had others.
   */
  declareLimits(limits: ReadonlyMap<string, TypeLimits>): Promise<string[]> {
    return declareLimits(this.options.pool, limits);
  }

  /** Tells workers everywhere, debounced, that something became ready in these queues; in any, or held, if none is given. */
  wake(queues: Iterable<string> = [anyQueue, gatesChanged]): void {
    this.options.wakeups?.wake(queues);
  }

  /** After the commit that made them: tells those who run these jobs, or hold them. */
  wakeFor(jobs: readonly EnqueuedJob[]): void {
    this.wake(new Set(jobs.map(topicOf)));
  }

  /** After the commit that made it. */
  wakeForBatch(batch: CreatedBatch): void {
    const topics = batch.jobs.map(topicOf);
    this.wake(new Set(batch.completionJobId ? [...topics, gatesChanged, anyQueue] : topics));
  }

  /** Tells workers everywhere to look which of their runs are to stop. */
  wakeCancelled(): void {
    this.options.wakeups?.wake([cancelAsked]);
  }

  /** @param first the index of the first of them among the caller's requests */
  private async insertTogether(tx: Sql, jobs: readonly NewJob[], first = 0): Promise<EnqueuedJob[]> {
    if (jobs.length === 0) return [];
    const numbers = await this.queues.numbersOf(jobs.map((job) => job.queue));
    try {
      return (await insertJobs(tx, jobs, numbers, 'together')) as EnqueuedJob[];
    } catch (error) {
      if (error instanceof RequestRefused) error.request += first;
      throw error;
    }
  }

  private newJob(request: EnqueueRequest & { awaitsBatch?: string }): NewJob {
    const defaults = this.options.defaults?.(request.jobType);
    return newJob({
      ...request,
      jobType: defaults?.type ?? request.jobType,
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
    this.wakeFor(answers.flatMap((answer) => (answer instanceof Error ? [] : [answer])));
    return answers;
  }

  /** After an SQL error each goes alone: one caller's violation never fails its neighbours. */
  private async insertOrOneByOne(jobs: NewJob[]): Promise<(EnqueuedJob | Error)[]> {
    const numbers = await this.queues.numbersOf(jobs.map((job) => job.queue));
    try {
      return await insertJobs(this.options.pool, jobs, numbers, 'apart');
    } catch (error) {
      if (jobs.length === 1 || sqlState(error) === undefined) return jobs.map(() => error as Error);
    }
    const answers: (EnqueuedJob | Error)[] = [];
    for (const job of jobs)
      answers.push(
        await insertJobs(this.options.pool, [job], numbers, 'apart').then(
          ([answer]) => answer!,
          (error: Error) => error,
        ),
      );
    return answers;
  }
}

/** Whom to wake for a job: the workers of its queue, or those who open the gates. */
export const topicOf = ({ queue, held }: EnqueuedJob): string => (held ? gatesChanged : queue);
