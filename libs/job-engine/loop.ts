import type { EngineLog } from './ports.js';

export interface LoopOptions {
  name: string;
  /** One round; a number it answers is the wait in ms until the next, instead of `everyMs`. */
  run(): Promise<number | void>;
  everyMs: number;
  log: EngineLog;
}

/** A round again and again, until stopped. `runOnce` is for tests and for those who cannot wait; rounds never overlap. */
export class Loop {
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private running = false;
  private woken = false;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    this.schedule(0);
  }

  /** Safe to repeat; resolves once a round under way has ended. */
  async stop(): Promise<void> {
    this.running = false;
    clearTimeout(this.timer);
    await this.round;
  }

  /** The next round now, or right after the one under way. */
  wake(): void {
    if (!this.running) return;
    if (this.round) this.woken = true;
    else this.schedule(0);
  }

  /** @throws what the round throws */
  async runOnce(): Promise<void> {
    await this.round;
    await this.options.run();
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.round = this.turn();
    }, ms);
  }

  /** An error ends the round, not the loop: the database may be away for a while. */
  private async turn(): Promise<void> {
    let wait: number | void = undefined;
    try {
      wait = await this.options.run();
    } catch (error) {
      this.options.log.warn(`${this.options.name}: ${(error as Error).message}`);
    }
    this.round = undefined;
    if (!this.running) return;
    const woken = this.woken;
    this.woken = false;
    // jitter, so that processes started together do not stay together
    this.schedule(woken ? 0 : (wait ?? this.options.everyMs * (0.8 + Math.random() * 0.4)));
  }
}
