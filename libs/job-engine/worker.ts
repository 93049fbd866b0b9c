/** Claims jobs and runs them: as many at once as it has slots, under one lease. */
import { setTimeout as delay } from 'node:timers/promises';
import { Claimer } from './claimer.js';
import { sqlState } from './errors.js';
import { FinishWriter } from './finisher.js';
import type { RegisteredHandler } from './handler.js';
import type { JobClient } from './job-client.js';
import {
  type EndOfRun,
  readBackClaims,
  registerWorker,
  removeWorker,
  renewLease,
  runsToStop,
} from './job-store/index.js';
import { Loop } from './loop.js';
import type { EngineLog, FinishHook, SqlPool } from './ports.js';
import { Run } from './run.js';
import { RecentStarts } from './running-count.js';
import { TraceWriter } from './trace-writer.js';
import { anyQueue, cancelAsked, gatesChanged, type Wakeups } from './wakeups.js';
import { endOf, type Waiting, WorkerSession } from './worker-session.js';

export interface WorkerOptions {
  pool: SqlPool;
  client: JobClient;
  wakeups: Wakeups;
  handler(jobType: string): RegisteredHandler | undefined;
  /** Shown in the history of attempts. */
  name: string;
  /** Jobs that run at once. */
  concurrency: number;
  /** Queues to serve; none means all. */
  queues: readonly string[];
  /** Silent for so long, the worker has lost its jobs to the others. */
  leaseMs: number;
  /** Longest wait between two looks into the queues. */
  pollMs: number;
  /** How long running jobs may go on after `stop`. */
  graceMs: number;
  /** How long a handler may go on after its signal before it is left behind. */
  abandonAfterMs?: number;
  /** How often it looks for runs to stop; a second is promised, NOTIFY is faster. */
  watchMs?: number;
  hooks?: readonly FinishHook[];
  log: EngineLog;
}

/** No more is claimed while so many results wait to be written. */
const mostUnwritten = 2_000;
const largestBatch = 2_000;
/** How soon a job comes back that this worker could not start. */
const unknownTypeDelayMs = 10_000;
const stillRunningDelayMs = 2_000;

export class Worker {
  readonly counters = { claimed: 0, accepted: 0, refused: 0, leftBehind: 0, leasesLost: 0 };
  readonly writer: FinishWriter;
  private session: WorkerSession | undefined;
  private readonly claimer: Claimer;
  private readonly traces: TraceWriter;
  private readonly recent = new RecentStarts();
  /** Runs whose handler goes on although it was left behind: their jobs do not start here beside them. */
  private readonly leftBehind = new Map<string, Promise<unknown>>();
  private readonly warnedTypes = new Set<string>();
  private readonly loops: { lease: Loop; poll: Loop; watch: Loop };
  private renewedAt = 0;
  private pumping: Promise<void> | undefined;
  private pumpAgain = false;
  private stopping = false;
  private stopped: Promise<void> | undefined;
  private unsubscribe = () => {};

  constructor(private readonly options: WorkerOptions) {
    const { pool, log } = options;
    this.writer = new FinishWriter(this.finisherOptions());
    this.claimer = new Claimer(pool, options.queues);
    this.traces = new TraceWriter(pool, log);
    this.loops = {
      lease: new Loop({ name: 'lease', run: () => this.keepLease(), everyMs: options.leaseMs / 3, log }),
      poll: new Loop({ name: 'poll', run: () => this.poll(), everyMs: options.pollMs, log }),
      watch: new Loop({ name: 'watch', run: () => this.watch(), everyMs: options.watchMs ?? 500, log }),
    };
  }

  /** Resolves once the lease is held, or is being tried for: a database that is away only delays the work. */
  async start(): Promise<void> {
    this.stopping = false;
    this.stopped = undefined;
    this.unsubscribe = this.options.wakeups.onWake((topics) => this.hear(topics));
    await this.keepLease().catch((error: Error) => this.options.log.warn(`no lease yet: ${error.message}`));
    for (const loop of Object.values(this.loops)) loop.start();
  }

  /**
   * Claims no more, gives back what has not started, lets runs end within the grace, then aborts them and gives them back without
   * burning an attempt. Safe to repeat.
   */
  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  /** One look for work, everything it led to ended and written. For tests, and for commands that run what is there and leave. */
  async runOnce(): Promise<void> {
    if (!this.session) await this.keepLease();
    await this.poll();
    while (this.session && (this.session.runs.size > 0 || this.session.backlog.length > 0))
      await Promise.all([...this.session.runs.values()].map((run) => run.handled)).then(() => delay(1));
    await this.session?.finisher.drain();
  }

  private async end(): Promise<void> {
    this.stopping = true;
    this.unsubscribe();
    await this.loops.poll.stop();
    await this.pumping;
    const { session } = this;
    if (session) await this.endSession(session);
    await this.loops.watch.stop();
    await this.loops.lease.stop();
    this.session = undefined;
  }

  private async endSession(session: WorkerSession): Promise<void> {
    session.releaseBacklog();
    await this.allEnded(session, this.options.graceMs);
    const reason = 'the worker shuts down; the job will run again';
    for (const run of session.runs.values()) run.stop('shutdown', reason, 1_000);
    await this.allEnded(session, 3_000);
    await Promise.race([this.writeOut(session), delay(3_000, undefined, { ref: false })]);
    session.loseLease('the worker has ended'); // whatever is left is the rescuer's
  }

  private async writeOut(session: WorkerSession): Promise<void> {
    await this.traces.idle();
    await session.finisher.drain();
    // with runs left behind unwritten the row stays, so that they are rescued when the lease runs out
    if (session.lost || session.runs.size > 0) return;
    await removeWorker(this.options.pool, session.worker.number).catch((error: Error) =>
      this.options.log.warn(`the lease could not be given back: ${error.message}`),
    );
  }

  private async allEnded(session: WorkerSession, withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (session.runs.size > 0 && !session.lost && performance.now() < until) await delay(5);
  }

  private hear(topics: ReadonlySet<string>): void {
    if (topics.has(cancelAsked)) this.loops.watch.wake();
    this.claimer.hear(topics);
    this.pump();
  }

  private async poll(): Promise<void> {
    this.claimer.hear(new Set([anyQueue]));
    this.pump();
    // a look that was under way began before we asked: it is followed by another, and that one is ours
    while (this.pumping) await this.pumping;
  }

  /** Claims while there are slots and work. One at a time; a call meanwhile makes it look again. */
  private pump(): void {
    if (this.stopping || !this.session) return;
    if (this.pumping) {
      this.pumpAgain = true;
      return;
    }
    this.pumping = this.claimAndStart().finally(() => {
      this.pumping = undefined;
      if (!this.pumpAgain) return;
      this.pumpAgain = false;
      this.pump();
    });
  }

  private async claimAndStart(): Promise<void> {
    const { session } = this;
    if (!session) return;
    try {
      if (session.mayOwnUnknown) await this.readBack(session);
      for (let batch = this.wanted(session); batch > 0; batch = this.wanted(session)) {
        const claim = await this.claimer.claim(session, batch);
        if (!claim) return;
        this.counters.claimed += claim.jobs.length;
        session.finisher.open(claim.claimId, claim.jobs.length);
        session.take(claim.jobs);
        if (this.stopping) session.releaseBacklog();
        this.startWaiting(session);
      }
    } catch (error) {
      this.claimFailed(session, error as Error);
    }
  }

  /** The free slots, and as many again as a few milliseconds' work: a larger batch would make others wait. */
  private wanted(session: WorkerSession): number {
    if (this.stopping || session.lost || session.finisher.backlog > mostUnwritten) return 0;
    const ahead = this.recent.count;
    const want = this.options.concurrency - session.runs.size + ahead - session.backlog.length;
    // not in dribs: a claim costs the same for one job as for fifty
    return want > ahead / 2 && this.claimer.mayHaveWork ? Math.min(want, largestBatch) : 0;
  }

  private claimFailed(session: WorkerSession, error: Error): void {
    if (sqlState(error) === 'CJ001') {
      this.loseLease(session, error.message);
      return;
    }
    session.mayOwnUnknown = true;
    this.options.log.warn(`no jobs could be claimed: ${error.message}`);
  }

  private async readBack(session: WorkerSession): Promise<void> {
    const jobs = await readBackClaims(this.options.pool, session.worker.number, session.finisher.claims);
    session.mayOwnUnknown = false;
    for (const claimId of new Set(jobs.map((job) => job.claimId)))
      session.finisher.open(claimId, jobs.filter((job) => job.claimId === claimId).length);
    session.take(jobs);
    this.startWaiting(session);
  }

  private startWaiting(session: WorkerSession): void {
    while (session.runs.size < this.options.concurrency) {
      const waiting = session.backlog.shift();
      if (!waiting) return;
      this.startOne(session, waiting);
    }
  }

  private startOne(session: WorkerSession, waiting: Waiting): void {
    const { job, since } = waiting;
    const handler = this.options.handler(job.jobType);
    if (!handler) {
      if (!this.warnedTypes.has(job.jobType))
        this.options.log.warn(`no handler for job type "${job.jobType}" here: such jobs are left to other workers`);
      this.warnedTypes.add(job.jobType);
      session.release(waiting, unknownTypeDelayMs);
    } else if (job.withheld) session.release(waiting);
    else if (this.leftBehind.has(job.id)) session.release(waiting, stillRunningDelayMs);
    else if (job.cancelRequested)
      session.release(waiting); // becomes a cancel where it is written
    else {
      this.recent.add();
      const startedAt = new Date(job.claimedAt.getTime() + performance.now() - since);
      const services = { client: this.options.client, traces: this.traces };
      const run = new Run(job, startedAt, handler, services, this.options.abandonAfterMs ?? 10_000);
      session.runs.set(job.id, run);
      void this.runToEnd(session, run, performance.now());
    }
  }

  private async runToEnd(session: WorkerSession, run: Run, began: number): Promise<void> {
    const { job } = run;
    const result = await run.execute();
    session.runs.delete(job.id);
    session.running.remove(job);
    if (run.wasLeftBehind) this.keepApart(run);
    if (run.stopped === 'lease_lost') session.finisher.settle(job);
    else if (!session.lost) {
      const now = new Date(run.startedAt.getTime() + performance.now() - began);
      void this.writeEnd(session, endOf(run, result, now));
    }
    this.claimer.slotFreed(job.queue);
    if (session !== this.session) return;
    this.startWaiting(session);
    if (!this.stopping && this.wanted(session) > 0) this.pump();
  }

  private async writeEnd(session: WorkerSession, end: EndOfRun): Promise<void> {
    const written = await session.finisher.add(end);
    this.counters[written]++;
    if (written === 'refused')
      this.options.log.warn(`a late result of job ${end.job.id} was refused: it is no longer ours`);
  }

  private keepApart(run: Run): void {
    this.counters.leftBehind++;
    this.leftBehind.set(run.job.id, run.handled);
    this.options.log.warn(
      `the handler of job ${run.job.id} (${run.job.jobType}) goes on after its signal; it is left behind`,
    );
    void run.handled.then(() => this.leftBehind.delete(run.job.id));
  }

  /** Renews the lease, or gets one. */
  private async keepLease(): Promise<void> {
    const { leaseMs, pool } = this.options;
    const { session } = this;
    const asked = performance.now();
    if (!session) {
      if (this.stopping) return;
      const number = await registerWorker(pool, this.options.name, leaseMs, this.options.queues);
      this.renewedAt = asked;
      this.session = new WorkerSession({ number, name: this.options.name }, this.writer, this.finisherOptions());
      this.claimer.hear(new Set([anyQueue]));
      this.pump();
      return;
    }
    try {
      const renewal = renewLease(pool, session.worker.number, leaseMs, session.running.all());
      if (await answered(renewal, leaseMs / 3)) this.renewedAt = asked;
      else this.loseLease(session, 'others have taken its jobs over');
    } catch (error) {
      // nobody could be asked, but the lease has run out by now: others may be running our jobs
      if (performance.now() - this.renewedAt > leaseMs) this.loseLease(session, 'it could not be renewed in time');
      throw error;
    }
  }

  private loseLease(session: WorkerSession, reason: string): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.counters.leasesLost++;
    this.options.log.warn(`worker ${session.worker.name} has lost its lease: ${reason}`);
    session.loseLease(`the worker has lost its lease: ${reason}`);
    if (!this.stopping) this.loops.lease.wake();
  }

  /** Stops runs whose cancel is asked for or that are no longer ours, and gives back what waited too long for a slot. */
  private async watch(): Promise<void> {
    const { session } = this;
    if (!session) return;
    const late = performance.now() - (this.options.watchMs ?? 500);
    if ((session.backlog[0]?.since ?? late) < late) session.releaseBacklog();
    if (session.runs.size === 0) return;
    const mine = [...session.runs.values()].map(({ job: { id, run } }) => ({ id, run }));
    for (const { id, run, lost, reason } of await runsToStop(this.options.pool, mine)) {
      const running = session.runs.get(id);
      if (running?.job.run !== run) continue;
      if (lost) running.stop('lease_lost', 'the job was cancelled, deleted or taken over');
      else running.stop('cancel', reason ?? 'the job was cancelled');
    }
  }

  private finisherOptions() {
    const { pool, log, hooks = [], wakeups } = this.options;
    return {
      pool,
      log,
      hooks,
      isInternal: (type: string) => this.options.handler(type)?.internal ?? false,
      gatesChanged: () => wakeups.wake([gatesChanged]),
    };
  }
}

/** A half-open connection answers neither yes nor no. @throws after `withinMs` */
async function answered<T>(answer: Promise<T>, withinMs: number): Promise<T> {
  const late = new AbortController();
  const silence = delay(withinMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`the database has not answered for ${Math.round(withinMs)} ms`);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    silence.catch(() => undefined);
    late.abort();
  }
}
