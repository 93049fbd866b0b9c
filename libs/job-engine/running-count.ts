import type { ClaimedJob, RunningByQueue } from './job-store/index.js';

/** How many jobs of each organisation a worker has in its hands, by queue: what limits are counted from. */
export class RunningCount {
  private readonly queues = new Map<number, Map<number, number>>();

  add(job: ClaimedJob, by = 1): void {
    const orgs = this.queues.get(job.queueNumber) ?? new Map<number, number>();
    this.queues.set(job.queueNumber, orgs);
    const count = (orgs.get(job.org) ?? 0) + by;
    if (count > 0) orgs.set(job.org, count);
    else orgs.delete(job.org);
  }

  remove(job: ClaimedJob): void {
    this.add(job, -1);
  }

  of(queue: number): Record<string, number> {
    return Object.fromEntries(this.queues.get(queue) ?? []);
  }

  all(): RunningByQueue {
    return Object.fromEntries([...this.queues.keys()].map((queue) => [queue, this.of(queue)]));
  }
}

/** How many runs began within the last few milliseconds: how far ahead a worker may claim without making others wait. */
export class RecentStarts {
  private current = 0;
  private previous = 0;
  private since = performance.now();

  constructor(private readonly windowMs = 5) {}

  add(): void {
    this.turn();
    this.current++;
  }

  get count(): number {
    this.turn();
    return Math.max(this.current, this.previous);
  }

  private turn(): void {
    const elapsed = performance.now() - this.since;
    if (elapsed < this.windowMs) return;
    this.previous = elapsed < 2 * this.windowMs ? this.current : 0;
    this.current = 0;
    this.since = performance.now();
  }
}
