/** Claims for one lease while there are slots and work: one claim at a time, the next as soon as it is worth its price. */
import { Claimer } from './claimer.js';
import { sqlState } from './errors.js';
import { readBackClaims } from './job-store/index.js';
import type { EngineLog, Sql } from './ports.js';
import type { RecentStarts } from './running-count.js';
import type { WorkerSession } from './worker-session.js';

export interface ClaimPumpOptions {
  sql: Sql;
  /** Queues to serve; none means all. */
  queues: readonly string[];
  /** Jobs that run at once. */
  concurrency: number;
  recent: RecentStarts;
  /** Fills free slots from the session's backlog. */
  startWaiting(): void;
  claimed(jobs: number): void;
  leaseLost(reason: string): void;
  log: EngineLog;
}

/** No more is claimed while so many results wait to be written. */
const mostUnwritten = 2_000;
const largestBatch = 2_000;

export class ClaimPump {
  private readonly claimer: Claimer;
  private pumping: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(
    private readonly session: WorkerSession,
    private readonly options: ClaimPumpOptions,
  ) {
    this.claimer = new Claimer(options.sql, options.queues);
  }

  /** Looks where somebody says that there may be work. */
  hear(topics: ReadonlySet<string>): void {
    this.claimer.hear(topics);
    this.pump();
  }

  /** A run has ended: its slot is free, and a limit may let another go. */
  slotFreed(queue: string): void {
    this.claimer.slotFreed(queue);
    if (this.wanted > 0) this.pump();
  }

  /** A call while a claim is under way makes it look again. */
  pump(): void {
    if (this.stopped) return;
    if (this.pumping) {
      this.again = true;
      return;
    }
    this.pumping = this.claimAndStart().finally(() => {
      this.pumping = undefined;
      if (!this.again) return;
      this.again = false;
      this.pump();
    });
  }

  /** Resolves once no claim is under way, and none that was asked for meanwhile. */
  async idle(): Promise<void> {
    while (this.pumping) await this.pumping;
  }

  /** No more claims; one under way may still bring jobs, which are given back. */
  stop(): void {
    this.stopped = true;
  }

  private async claimAndStart(): Promise<void> {
    const { session } = this;
    try {
      if (session.mayOwnUnknown) await this.readBack();
      for (let batch = this.wanted; batch > 0; batch = this.wanted) {
        const claim = await this.claimer.claim(session, batch);
        if (!claim || session.lost) return; // jobs of a lease that is lost are the rescuer's
        // only a crash of the server can undo a claim, and give its number away again: begin anew, and let all be rescued
        if (session.finisher.knows(claim.claimId)) return this.options.leaseLost('the server gave a claim out twice');
        this.options.claimed(claim.jobs.length);
        session.open(claim.claimId, claim.jobs);
        if (this.stopped) session.releaseBacklog();
        this.options.startWaiting();
      }
    } catch (error) {
      this.claimFailed(error as Error);
    }
  }

  /** The free slots, and as many again as a few milliseconds' work: a larger batch would make others wait. */
  private get wanted(): number {
    const { session, options } = this;
    if (this.stopped || session.lost || session.finisher.backlog > mostUnwritten) return 0;
    const ahead = options.recent.count;
    const want = options.concurrency - session.runs.size + ahead - session.backlog.length;
    // not in dribs: a claim costs the same for one job as for fifty
    return want > ahead / 2 && this.claimer.mayHaveWork ? Math.min(want, largestBatch) : 0;
  }

  private claimFailed(error: Error): void {
    if (sqlState(error) === 'CJ001') return this.options.leaseLost(error.message);
    this.session.mayOwnUnknown = true;
    this.options.log.warn(`no jobs could be claimed: ${error.message}`);
  }

  private async readBack(): Promise<void> {
    const { session } = this;
    const jobs = await readBackClaims(this.options.sql, session.worker.number, session.finisher.claims);
    session.mayOwnUnknown = false;
    if (session.lost) return;
    for (const claimId of new Set(jobs.map((job) => job.claimId)))
      session.open(
        claimId,
        jobs.filter((job) => job.claimId === claimId),
      );
    this.options.startWaiting();
  }
}
