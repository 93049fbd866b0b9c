/** Who tells workers that there is something to do: in this process at once, in others by NOTIFY. Polling alone would deliver too. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineLog, ListenConnection, Sql } from './ports.js';

/** Instead of a queue's name: any queue may have work; somebody asked to cancel a running job; a held job may be let go. */
export const anyQueue = '*';
export const cancelAsked = '!';
export const gatesChanged = '#';

export interface WakeupsOptions {
  pool: Sql;
  /** A connection of its own for LISTEN; without one this process hears only itself. */
  listen?: () => ListenConnection;
  log: EngineLog;
  debounceMs?: number;
  /** How often a silent connection is tried: a half-open socket never says that it is dead. */
  checkMs?: number;
}

const channel = 'carillon_jobs';

export class Wakeups {
  private readonly origin = randomBytes(6).toString('hex');
  private readonly listeners = new Set<(topics: ReadonlySet<string>) => void>();
  private pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private notifying: Promise<void> = Promise.resolve();
  private stopped = new AbortController();
  private listening: Promise<void> | undefined;

  constructor(private readonly options: WakeupsOptions) {}

  /** Topics are queue names, `anyQueue` or `cancelAsked`. Never throws and never waits: a lost wake-up costs one poll. */
  wake(topics: Iterable<string>): void {
    const told = new Set(topics);
    if (told.size === 0) return;
    this.tell(told);
    for (const topic of told) this.pending.add(topic);
    // not inside the caller's transaction: a NOTIFY there takes a lock that all commits share, 10 times slower
    this.timer ??= setTimeout(() => this.notify(), this.options.debounceMs ?? 3);
  }

  onWake(listener: (topics: ReadonlySet<string>) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start(): void {
    if (this.listening || !this.options.listen) return;
    this.stopped = new AbortController();
    this.listening = this.keepListening(this.options.listen, this.stopped.signal);
  }

  /** Safe to repeat; what was still to be told is told. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.listening;
    this.listening = undefined;
    if (this.timer) this.notify();
    await this.notifying;
  }

  private tell(topics: ReadonlySet<string>): void {
    for (const listener of this.listeners) listener(topics);
  }

  private notify(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const topics = [...this.pending];
    this.pending = new Set();
    // a NOTIFY need not survive a crash, so its commit need not wait for the disk
    const text = `select set_config('synchronous_commit', 'off', true), pg_notify('${channel}', $1 || ' ' || topic) from unnest($2::text[]) topic`;
    this.notifying = this.options.pool.query({ name: 'carillon-notify', text, values: [this.origin, topics] }).then(
      () => undefined,
      (error: Error) => this.options.log.debug(`could not notify: ${error.message}`),
    );
  }

  private async keepListening(open: () => ListenConnection, stop: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stop.aborted) {
      const lost = await this.listenUntilLost(open(), stop, () => {
        failures = 0;
        this.tell(new Set([anyQueue, cancelAsked])); // what was said while nobody listened
      });
      if (stop.aborted) return;
      this.options.log.warn(`the listening connection is lost, polling meanwhile: ${lost}`);
      await delay(Math.min(5_000, 50 * 2 ** failures++), undefined, { signal: stop }).catch(() => undefined);
    }
  }

  /** Answers why it ended; never throws. */
  private async listenUntilLost(connection: ListenConnection, stop: AbortSignal, ready: () => void): Promise<string> {
    const ended = new Promise<string>((resolve) => {
      connection.on('error', (error) => resolve(error.message));
      connection.on('end', () => resolve('it was closed'));
      stop.addEventListener('abort', () => resolve('stopped'), { once: true });
    });
    connection.on('notification', (message) => this.receive(message));
    const lost = new AbortController();
    try {
      await Promise.race([connection.connect(), ended]);
      await Promise.race([connection.query(`listen ${channel}`), ended]);
      if (stop.aborted) return 'stopped';
      ready();
      return await Promise.race([ended, this.untilSilent(connection, lost.signal)]);
    } catch (error) {
      return (error as Error).message;
    } finally {
      lost.abort();
      void connection.end().catch(() => undefined); // a half-open one would never answer
    }
  }

  private async untilSilent(connection: ListenConnection, signal: AbortSignal): Promise<string> {
    const checkMs = this.options.checkMs ?? 10_000;
    for (;;) {
      try {
        await delay(checkMs, undefined, { signal, ref: false });
      } catch {
        return 'no longer watched';
      }
      const answer = connection.query('select 1').then(
        () => true,
        () => false,
      );
      const inTime = await Promise.race([answer, delay(checkMs / 2, false, { ref: false })]);
      if (!inTime) return 'it does not answer';
    }
  }

  private receive(message: { channel: string; payload?: string | undefined }): void {
    if (message.channel !== channel || !message.payload) return;
    const [origin, topic] = message.payload.split(' ');
    if (origin !== this.origin && topic) this.tell(new Set([topic]));
  }
}
