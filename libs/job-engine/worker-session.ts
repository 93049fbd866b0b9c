/** What belongs to one lease of a worker. When the lease is lost all of it is void, and the worker begins again with a new one. */
import { decideEnd, Finisher, type FinisherOptions, type FinishWriter } from './finisher.js';
import type { RunResult } from './job-state.js';
import type { ClaimedJob, RunningAsOf } from './job-store/index.js';
import type { Run } from './run.js';
import { RunningCount } from './running-count.js';
import { limits, storableJson } from './stored-text.js';

export interface Waiting {
  job: ClaimedJob;
  /** performance.now() when the claim was answered. */
  since: number;
}

export class WorkerSession {
  readonly finisher: Finisher;
  readonly runs = new Map<string, Run>();
  readonly running = new RunningCount();
  /** Claimed, and waiting for a slot. */
  readonly backlog: Waiting[] = [];
  private newestClaim = 0n;
  /** Whether a claim's answer was lost, so that there may be jobs of ours that we do not know of. */
  mayOwnUnknown = false;

  constructor(
    readonly worker: { number: number; name: string },
    writer: FinishWriter,
    options: FinisherOptions,
  ) {
    this.finisher = new Finisher(worker, writer, options);
  }

  /** For the others, who count their limits from it. */
  get runningNow(): RunningAsOf {
    return { running: this.running.all(), asOfClaim: String(this.newestClaim) };
  }

  get lost(): boolean {
    return this.finisher.lost;
  }

  /** The jobs of a claim, to be started as slots get free. */
  open(claimId: string, jobs: readonly ClaimedJob[]): void {
    this.finisher.open(claimId, jobs.length);
    if (BigInt(claimId) > this.newestClaim) this.newestClaim = BigInt(claimId);
    const since = performance.now();
    for (const job of jobs) {
      this.running.add(job);
      if (!this.adopt(job)) this.backlog.push({ job, since });
    }
  }

  /** A job that runs here already: a crash of the server undid the claim under which it runs, so it goes on under the new one. */
  adopt(job: ClaimedJob): boolean {
    const run = this.runs.get(job.id);
    if (run?.job.run !== job.run) return false;
    this.running.remove(run.job);
    this.finisher.settle(run.job);
    run.job = job;
    return true;
  }

  /** Gives a claimed job back that has not been started; no attempt is burnt. */
  release({ job, since }: Waiting, delayMs = 0): void {
    this.running.remove(job);
    const now = new Date(job.claimedAt.getTime() + performance.now() - since);
    void this.finisher.add(decideEnd(job, { kind: 'released', delay: delayMs }, now, {}));
  }

  releaseBacklog(): void {
    for (const waiting of this.backlog.splice(0)) this.release(waiting);
  }

  /** Nothing is written any more, and every handler is told. */
  loseLease(reason: string): void {
    this.finisher.lost = true;
    this.backlog.length = 0;
    for (const run of this.runs.values()) run.stop('lease_lost', reason);
  }
}

/** The end of a run that had started, with what its context was told. `now` is the database's. */
export function endOf(run: Run, result: RunResult, now: Date) {
  const { context } = run;
  const said = {
    resultJson: null as string | null,
    startedAt: run.startedAt,
    progress: context.percent,
    progressMessage: context.message,
    reported: context.reported,
    subject: context.givenSubject,
  };
  try {
    const value = result.kind === 'returned' ? (result.value ?? context.givenResult) : valueOf(result);
    if (value !== undefined && value !== null) said.resultJson = storableJson(value, limits.result);
    return decideEnd(run.job, result, now, said);
  } catch (error) {
    const message = `its result could not be stored: ${(error as Error).message}`;
    said.resultJson = null;
    return decideEnd(run.job, { kind: 'discarded', code: 'result_rejected', message }, now, said);
  }
}

const valueOf = (result: RunResult) => (result.kind === 'discarded' ? result.data : undefined);
