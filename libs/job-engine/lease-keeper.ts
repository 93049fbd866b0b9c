/** Gets a worker its lease, renews it, and sees in time that it is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { registerWorker, renewLease } from './job-store/index.js';
import type { EngineLog, Sql } from './ports.js';
import type { WorkerSession } from './worker-session.js';

export interface LeaseKeeperOptions {
  sql: Sql;
  /** Shown in the history of attempts. */
  name: string;
  /** Those that it serves; none means all. */
  queues: readonly string[];
  leaseMs: number;
  /** A session under a lease just got. */
  begin(worker: { number: number; name: string }): WorkerSession;
  /** The database knows of a claim that the session does not: its answer was lost on the way. */
  ownsUnknown(session: WorkerSession): void;
  /** After a loss; a new lease is to be got soon. */
  lost(): void;
  log: EngineLog;
}

export class LeaseKeeper {
  /** What runs under the lease; undefined while there is none. */
  session: WorkerSession | undefined;
  private renewedAt = 0;

  constructor(private readonly options: LeaseKeeperOptions) {}

  /** Renews the lease, or gets one. @throws when the database does not answer */
  async keep(): Promise<void> {
    if (this.session) await this.renew(this.session);
    else await this.register();
  }

  lose(session: WorkerSession, reason: string): void {
    if (this.session !== session) return;
    this.session = undefined;
    this.options.log.warn(`worker ${session.worker.name} has lost its lease: ${reason}`);
    session.loseLease(`the worker has lost its lease: ${reason}`);
    this.options.lost();
  }

  private async register(): Promise<void> {
    const { sql, name, leaseMs, queues } = this.options;
    const asked = performance.now();
    // one that is answered too late leaves a worker without jobs behind, which the rescuer removes
    const number = await answered(registerWorker(sql, name, leaseMs, queues), Math.max(leaseMs / 3, 2_000));
    this.renewedAt = asked;
    this.session = this.options.begin({ number, name });
  }

  private async renew(session: WorkerSession): Promise<void> {
    const { sql, leaseMs } = this.options;
    const asked = performance.now();
    try {
      const renewal = renewLease(sql, session.worker.number, leaseMs, session.runningNow);
      const claims = await answered(renewal, leaseMs / 3);
      if (!claims) return this.lose(session, 'others have taken its jobs over');
      this.renewedAt = asked;
      if (claims.some((claim) => !session.finisher.knows(claim))) this.options.ownsUnknown(session);
    } catch (error) {
      // nobody could be asked, but the lease has run out by now: others may be running our jobs
      if (performance.now() - this.renewedAt > leaseMs) this.lose(session, 'it could not be renewed in time');
      throw error;
    }
  }
}

/** @throws after `withinMs` */
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
