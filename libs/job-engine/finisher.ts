/** Writes the ends of runs, many in a statement, together with what hooks tell of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { sqlState } from './errors.js';
import { Gatherer } from './gatherer.js';
import { bucketOf } from './histogram.js';
import { type Decision, decideOutcome, type RunResult } from './job-state.js';
import { type ClaimedJob, dropClaims, type EndOfRun, finishRuns } from './job-store/index.js';
import type { EndedRun, EngineLog, FinishHook, Sql, SqlPool } from './ports.js';
import { inTransaction } from './transaction.js';

export interface FinisherOptions {
  pool: SqlPool;
  hooks: readonly FinishHook[];
  /** Types that raise nothing, so that telling of a job never makes another to tell of. */
  isInternal(jobType: string): boolean;
  /** An end has committed after which held jobs may go. */
  gatesChanged(): void;
  log: EngineLog;
}

/** What became of an end: written, or refused because the run was no longer ours. */
export type Written = 'accepted' | 'refused';

/**
 * Writes what `ends` says as the worker, in one transaction with the rows of the hooks. Answers the refused ids.
 * `within` is the transaction to join (the rescuer's); without one it opens its own, or none where one statement is enough.
 */
export class FinishWriter {
  constructor(private readonly options: FinisherOptions) {}

  withoutHooks(): FinishWriter {
    return new FinishWriter({ ...this.options, hooks: [] });
  }

  async write(
    worker: { number: number; name: string },
    ends: readonly EndOfRun[],
    emptied: readonly string[],
    within?: Sql,
  ): Promise<ReadonlySet<string>> {
    // before the transaction: what hooks compute must not hold it open
    const told = this.options.hooks.map((hook) => ({ hook, rows: this.rowsOf(hook, ends) }));
    if (within) return (await this.writeWithin(within, worker, ends, emptied, told)).refused;
    const written = told.every(({ rows }) => rows.size === 0)
      ? await finishRuns(this.options.pool, worker, ends, emptied)
      : await inTransaction(this.options.pool, (tx) => this.writeWithin(tx, worker, ends, emptied, told));
    if (written.gates) this.options.gatesChanged();
    return written.refused;
  }

  private async writeWithin(
    tx: Sql,
    worker: { number: number; name: string },
    ends: readonly EndOfRun[],
    emptied: readonly string[],
    told: { hook: FinishHook; rows: Map<string, unknown> }[],
  ): Promise<{ refused: ReadonlySet<string>; gates: boolean }> {
    const written = await finishRuns(tx, worker, ends, emptied);
    for (const { hook, rows } of told) {
      const acceptedRows = [...rows].filter(([id]) => !written.refused.has(id)).map(([, row]) => row);
      if (acceptedRows.length > 0) await hook.insert(tx, acceptedRows);
    }
    return written;
  }

  private rowsOf(hook: FinishHook, ends: readonly EndOfRun[]): Map<string, unknown> {
    const rows = new Map<string, unknown>();
    for (const end of ends) {
      const run = endedRun(end);
      if (!run || this.options.isInternal(run.jobType)) continue;
      try {
        const row = hook.rowFor(run);
        if (row !== null) rows.set(run.jobId, row);
      } catch (error) {
        this.options.log.error(`a finish hook failed on job ${run.jobId}: nothing is told of it`, error);
      }
    }
    return rows;
  }
}

function endedRun({ job, decision, resultJson, subject }: EndOfRun): EndedRun | undefined {
  if (decision.status === 'queued') return undefined;
  const stored =
    job.subjectType !== null && job.subjectId !== null ? { type: job.subjectType, id: job.subjectId } : null;
  return {
    jobId: job.id,
    organizationId: job.organizationId,
    jobType: job.jobType,
    queue: job.queue,
    status: decision.status,
    attempt: job.attemptCount + 1,
    errorCode: decision.errorCode,
    errorMessage: decision.errorMessage,
    result: resultJson === null ? null : (decision.result ?? JSON.parse(resultJson)),
    subject: subject ?? stored,
    createdBy: job.createdBy,
  };
}

/** Retrying as it is may help: no answer at all, the server restarting, out of connections, a deadlock, a lock not got. */
const passing = (error: unknown) => /^(?:08|40|53|55|57|58|25006)/.test(sqlState(error) ?? '08');

/** The finisher of one lease: what its worker's runs ended with, gathered while a write is in flight. */
export class Finisher {
  lost = false;
  private readonly gathered = new Gatherer<EndOfRun, Written>((ends) => this.write(ends), { maxBatch: 1_000 });
  private readonly openJobs = new Map<string, number>();
  private unsettled = 0;
  private readonly whenSettled: (() => void)[] = [];
  private emptied: string[] = [];
  private dropTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly worker: { number: number; name: string },
    private readonly writer: FinishWriter,
    private readonly options: FinisherOptions,
  ) {}

  /** A claim and how many of its jobs will end here; when all have, its row is dropped. */
  open(claimId: string, jobs: number): void {
    this.openJobs.set(claimId, jobs);
    if (jobs === 0) this.close(claimId);
  }

  get claims(): string[] {
    return [...this.openJobs.keys()];
  }

  /** Whether it has seen this claim, and not yet dropped it. */
  knows(claimId: string): boolean {
    return this.openJobs.has(claimId) || this.emptied.includes(claimId);
  }

  /** Ends that are not written yet. */
  get backlog(): number {
    return this.unsettled;
  }

  /** Resolves once the end is written or refused; never rejects. */
  async add(end: EndOfRun): Promise<Written> {
    this.unsettled++;
    let written = await this.gathered.add(end);
    if (written === 'refused' && end.decision.status === 'queued' && !this.lost)
      written = await this.gathered.add(cancelledInstead(end));
    this.settle(end.job);
    if (--this.unsettled === 0) for (const settled of this.whenSettled.splice(0)) settled();
    return written;
  }

  /** This job of its claim has ended, here or without us. */
  settle({ claimId }: ClaimedJob): void {
    const left = (this.openJobs.get(claimId) ?? 1) - 1;
    if (left > 0) this.openJobs.set(claimId, left);
    else this.close(claimId);
  }

  /** Everything written that was added, and the last claims dropped. */
  async drain(): Promise<void> {
    if (this.unsettled > 0) await new Promise<void>((resolve) => this.whenSettled.push(resolve));
    await this.drop();
  }

  private close(claimId: string): void {
    this.openJobs.delete(claimId);
    this.emptied.push(claimId);
    // rides along with the next batch; by itself only where none comes
    this.dropTimer ??= setTimeout(() => void this.drop(), 50).unref();
  }

  private async drop(): Promise<void> {
    clearTimeout(this.dropTimer);
    this.dropTimer = undefined;
    const claims = this.emptied.splice(0);
    if (claims.length === 0 || this.lost) return;
    await dropClaims(this.options.pool, this.worker.number, claims).catch((error: Error) => {
      this.emptied.push(...claims);
      this.options.log.debug(`claims not dropped yet: ${error.message}`);
    });
  }

  private async write(ends: EndOfRun[]): Promise<Written[]> {
    const emptied = this.emptied.splice(0);
    try {
      return await this.writeUntilAnswered(this.writer, ends, emptied);
    } catch (error) {
      this.emptied.push(...emptied);
      return this.writeByHalves(ends, error);
    }
  }

  /** A database that is away for a while loses no result: tries until it is written or the lease is lost. @throws what trying again will not mend */
  private async writeUntilAnswered(writer: FinishWriter, ends: EndOfRun[], emptied: string[]): Promise<Written[]> {
    for (let wait = 50; !this.lost; wait = Math.min(2_000, wait * 2)) {
      try {
        const refused = await writer.write(this.worker, ends, emptied);
        return ends.map((end) => (refused.has(end.job.id) ? 'refused' : 'accepted'));
      } catch (error) {
        if (!passing(error)) throw error;
        this.options.log.warn(`${ends.length} results wait to be stored: ${(error as Error).message}`);
        await delay(wait * (0.5 + Math.random()));
      }
    }
    return ends.map(() => 'refused');
  }

  /** Somewhere among them is one that PostgreSQL will not take: it fails alone. */
  private async writeByHalves(ends: EndOfRun[], error: unknown): Promise<Written[]> {
    if (ends.length > 1) {
      const half = Math.ceil(ends.length / 2);
      return [...(await this.write(ends.slice(0, half))), ...(await this.write(ends.slice(half)))];
    }
    const end = ends[0]!;
    this.options.log.error(`the result of job ${end.job.id} was rejected`, error);
    const rejected = rejectedInstead(end, `its result could not be stored: ${(error as Error).message}`);
    // last without hooks: a hook that cannot write must not keep the job from ending
    for (const writer of [this.writer, this.writer.withoutHooks()]) {
      try {
        return await this.writeUntilAnswered(writer, [rejected], []);
      } catch (again) {
        this.options.log.error(`job ${end.job.id} could not be failed`, again);
      }
    }
    return ['refused'];
  }
}

/** Decides the end of a run and makes it fit to be stored. A result that is no JSON, or too long, fails the job. */
export function decideEnd(
  job: ClaimedJob,
  result: RunResult,
  now: Date,
  said: Partial<Pick<EndOfRun, 'resultJson' | 'startedAt' | 'progress' | 'progressMessage' | 'reported' | 'subject'>>,
  random: () => number = Math.random,
): EndOfRun {
  const decision = decideOutcome(job, result, now, random);
  const goesOn = decision.status === 'queued';
  const { waitBucket, runBucket } = durations(job, result, said.startedAt ?? null, now);
  return {
    job,
    decision,
    resultJson: goesOn ? null : (said.resultJson ?? null),
    startedAt: said.startedAt ?? null,
    progress: shownProgress(decision, said.progress ?? 0),
    progressMessage: goesOn ? null : (said.progressMessage ?? null),
    reported: said.reported ?? false,
    subject: said.subject ?? null,
    waitBucket,
    runBucket,
    ifCancelRequested: false,
  };
}

/** A lost worker left nobody to tell how long it ran. */
function durations(job: ClaimedJob, result: RunResult, startedAt: Date | null, now: Date) {
  if (startedAt === null) return { waitBucket: null, runBucket: null };
  const sinceClaim = startedAt.getTime() - job.claimedAt.getTime();
  return {
    waitBucket: job.waitedMs === null ? null : bucketOf(job.waitedMs + sinceClaim),
    runBucket: result.kind === 'worker_lost' ? null : bucketOf(now.getTime() - startedAt.getTime()),
  };
}

/** A job that runs again begins at nothing, a completed one is whole, an ended one shows how far it came. */
function shownProgress({ status }: Decision, reached: number): number {
  if (status === 'queued') return 0;
  return status === 'completed' ? 100 : reached;
}

/** What a result that would put the job back becomes when its cancel has been asked for meanwhile. */
export function cancelledInstead(end: EndOfRun): EndOfRun {
  const { errorCode, errorMessage, errorStack, counts, outcome, retryCount, workerLostCount } = end.decision;
  const decision: Decision = {
    event: 'cancel',
    status: 'cancelled',
    outcome: outcome === 'worker_lost' ? outcome : 'cancelled',
    counts: counts || end.startedAt !== null, // claimed but never started is no attempt
    retryCount,
    workerLostCount,
    dueAt: null,
    result: null,
    errorCode,
    errorMessage,
    errorStack,
  };
  return { ...end, decision, ifCancelRequested: true };
}

function rejectedInstead(end: EndOfRun, message: string): EndOfRun {
  const result: RunResult = { kind: 'discarded', code: 'result_rejected', message: message.slice(0, 500) };
  return { ...decideEnd(end.job, result, new Date(), {}), startedAt: end.startedAt, reported: end.reported };
}
