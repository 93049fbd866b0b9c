/** Knows which queues may have work, asks each in turn, and carries the round-robin cursor from claim to claim. */
import { type ClaimedJob, claimJobs, type Cursor, queuesWithWork } from './job-store/index.js';
import type { Sql } from './ports.js';
import { anyQueue } from './wakeups.js';
import type { WorkerSession } from './worker-session.js';

interface QueueState {
  number: number;
  cursor: Cursor;
  /** May have work: someone said so, or the last claim got some. */
  hopeful: boolean;
  /** Said again while a claim of it was under way. */
  saidAgain: boolean;
  /** Had jobs that limits or pauses held back; an end of one of ours may let one go. */
  withheld: boolean;
  /** One of ours ended while a claim was under way. */
  freedMeanwhile: boolean;
}

export class Claimer {
  /** In the order in which they are asked; the one just asked goes to the end. */
  private readonly queues = new Map<string, QueueState>();
  private lookAround = true;

  /** @param serves queues to serve; none means all */
  constructor(
    private readonly sql: Sql,
    private readonly serves: readonly string[],
  ) {}

  /** Takes note of queues that may have work. */
  hear(topics: ReadonlySet<string>): void {
    for (const topic of topics) {
      const queue = this.queues.get(topic);
      if (queue) {
        queue.hopeful = true;
        queue.saidAgain = true;
      } else if (topic === anyQueue || this.serves.length === 0 || this.serves.includes(topic)) this.lookAround = true;
    }
  }

  /** A run of this queue has ended. */
  slotFreed(queueName: string): void {
    const queue = this.queues.get(queueName);
    if (!queue) return;
    queue.freedMeanwhile = true;
    if (queue.withheld) queue.hopeful = true;
  }

  get mayHaveWork(): boolean {
    return this.lookAround || [...this.queues.values()].some((queue) => queue.hopeful);
  }

  /** Asks one queue for up to `batch` jobs; null when none may have work any more. @throws with SQLSTATE CJ001 when the lease is lost */
  async claim(session: WorkerSession, batch: number): Promise<{ claimId: string; jobs: ClaimedJob[] } | null> {
    if (this.lookAround) await this.look();
    for (const [name, queue] of this.queues) {
      if (!queue.hopeful) continue;
      const claim = await this.ask(name, queue, session, batch);
      if (claim) return claim;
    }
    return null;
  }

  private async look(): Promise<void> {
    this.lookAround = false;
    try {
      for (const { name, number } of await queuesWithWork(this.sql, this.serves)) {
        const known = this.queues.get(name);
        if (known) known.hopeful = true;
        else this.queues.set(name, newQueue(number));
      }
    } catch (error) {
      this.lookAround = true;
      throw error;
    }
  }

  private async ask(name: string, queue: QueueState, session: WorkerSession, batch: number) {
    queue.saidAgain = false;
    queue.freedMeanwhile = false;
    const running = session.running.all();
    const request = { worker: session.worker.number, queue: queue.number, batch, cursor: queue.cursor, running };
    const claim = await claimJobs(this.sql, request);
    queue.withheld = claim !== null && claim.claimId === null;
    if (claim) queue.cursor = claim.cursor;
    if (!claim?.claimId) {
      queue.hopeful = queue.saidAgain || (queue.withheld && queue.freedMeanwhile);
      return null;
    }
    this.queues.delete(name);
    this.queues.set(name, queue);
    return { claimId: claim.claimId, jobs: claim.jobs };
  }
}

const newQueue = (number: number): QueueState => ({
  number,
  cursor: { org: 0, owed: 0 },
  hopeful: true,
  saidAgain: false,
  withheld: false,
  freedMeanwhile: false,
});
