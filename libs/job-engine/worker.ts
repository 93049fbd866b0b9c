/** Claims jobs and runs them: as many at once as it has slots, under one lease. */
import { setTimeout as delay } from 'node:timers/promises';
import { ClaimPump } from './claim-pump.js';
import { FinishWriter } from './finisher.js';
import type { RegisteredHandler } from './handler.js';
import type { JobClient } from './job-client.js';
import { type EndOfRun, removeWorker, runsToStop } from './job-store/index.js';
import { LeaseKeeper } from './lease-keeper.js';
import { Loop } from './loop.js';
import type { EngineLog, FinishHook, SqlPool } from './ports.js';
import { Run } from './run.js';
import type { RunServices } from './run-context.js';
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

/** How soon a job comes back that this worker could not start. */
const unknownTypeDelayMs = 10_000;
const stillRunningDelayMs = 2_000;
const everyQueue: ReadonlySet<string> = new Set([anyQueue]);

export class Worker {
  readonly counters = { claimed: 0, accepted: 0, refused: 0, leftBehind: 0, leasesLost: 0 };
  readonly writer: FinishWriter;
  private readonly keeper: LeaseKeeper;
  /** Claims for the session that the keeper holds. */
  private pump: ClaimPump | undefined;
  private readonly services: RunServices;
  private readonly recent = new RecentStarts();
  /** Runs whose handler goes on although it was left behind: their jobs do not start here beside them. */
  private readonly leftBehind = new Map<string, Promise<unknown>>();
  private readonly warnedTypes = new Set<string>();
  private readonly loops: { lease: Loop; poll: Loop; watch: Loop };
  private stopping = false;
  private stopped: Promise<void> | undefined;
  private unsubscribe = () => {};

  constructor(private readonly options: WorkerOptions) {
    const { pool, name, queues, leaseMs, log } = options;
    this.writer = new FinishWriter(this.finisherOptions());
    this.services = { client: options.client, traces: new TraceWriter(pool, log) };
    this.keeper = new LeaseKeeper({
      sql: pool,
      name,
      queues,
      leaseMs,
      begin: (worker) => this.begin(worker),
      ownsUnknown: (session) => this.readBack(session),
      lost: () => this.leaseLost(),
      log,
    });
    this.loops = {
      lease: new Loop({ name: 'lease', run: () => this.keepLease(), everyMs: leaseMs / 3, log }),
      poll: new Loop({ name: 'poll', run: async () => this.hear(everyQueue), everyMs: options.pollMs, log }),
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
    this.hear(everyQueue);
    await this.pump?.idle();
    while (this.session && (this.session.runs.size > 0 || this.session.backlog.length > 0))
      await Promise.all([...this.session.runs.values()].map((run) => run.handled)).then(() => delay(1));
    await this.session?.finisher.drain();
  }

  private async end(): Promise<void> {
    this.stopping = true;
    this.unsubscribe();
    this.pump?.stop();
    await this.loops.poll.stop();
    await Promise.race([this.pump?.idle(), delay(this.options.graceMs, undefined, { ref: false })]);
    const { session } = this;
    if (session) await this.endSession(session);
    await this.loops.watch.stop();
    await this.loops.lease.stop();
    this.keeper.session = undefined;
    this.pump = undefined;
  }

  private get session(): WorkerSession | undefined {
    return this.keeper.session;
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
    await this.services.traces.idle();
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
    this.pump?.hear(topics);
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
    if (session.adopt(job)) return;
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
      const run = new Run(job, startedAt, handler, this.services, this.options.abandonAfterMs ?? 10_000);
      session.runs.set(job.id, run);
      void this.runToEnd(session, run, performance.now());
    }
  }

  private async runToEnd(session: WorkerSession, run: Run, began: number): Promise<void> {
    const result = await run.execute();
    const { job } = run;
    session.runs.delete(job.id);
    session.running.remove(job);
    if (run.wasLeftBehind) this.keepApart(run);
    if (run.stopped === 'lease_lost') session.finisher.settle(job);
    else if (!session.lost) {
      const now = new Date(run.startedAt.getTime() + performance.now() - began);
      void this.writeEnd(session, endOf(run, result, now));
    }
    if (session !== this.session) return;
    this.startWaiting(session);
    this.pump?.slotFreed(job.queue);
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

  /** A lease that is got while we stop would only be in the way. */
  private async keepLease(): Promise<void> {
    if (this.session || !this.stopping) await this.keeper.keep();
  }

  private begin(worker: { number: number; name: string }): WorkerSession {
    const { pool, queues, concurrency, log } = this.options;
    const session = new WorkerSession(worker, this.writer, this.finisherOptions());
    this.pump = new ClaimPump(session, {
      sql: pool,
      queues,
      concurrency,
      recent: this.recent,
      startWaiting: () => this.startWaiting(session),
      claimed: (jobs) => (this.counters.claimed += jobs),
      leaseLost: (reason) => this.keeper.lose(session, reason),
      log,
    });
    if (this.stopping) this.pump.stop();
    this.pump.pump();
    return session;
  }

  private readBack(session: WorkerSession): void {
    session.mayOwnUnknown = true;
    this.pump?.pump();
  }

  private leaseLost(): void {
    this.counters.leasesLost++;
    this.pump = undefined; // a claim that hangs must not hold up the next session's
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
