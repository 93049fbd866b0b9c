import type { Clock } from '../../platform/clock/clock.js';

/** Remembers answers for a short while, each loaded once however many ask at the same time; holds at most `capacity`. */
export class ExpiringCache<T> {
  private readonly entries = new Map<string, { value: Promise<T | null>; until: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly lifetimeMs: number,
    private readonly capacity: number,
  ) {}

  /** Answers what is remembered, or what `load` gives. Failures and `null` are not kept: a flood of unknown keys would push the known ones out. */
  async remember(key: string, load: () => Promise<T | null>): Promise<T | null> {
    const found = this.entries.get(key);
    if (found && found.until > this.clock.now()) return found.value;
    const entry = { value: load(), until: this.clock.now() + this.lifetimeMs };
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (this.entries.size > this.capacity) this.entries.delete(this.entries.keys().next().value!);
    try {
      const value = await entry.value;
      if (value === null) this.forget(key, entry);
      return value;
    } catch (error) {
      this.forget(key, entry);
      throw error;
    }
  }

  get size(): number {
    return this.entries.size;
  }

  clear(): void {
    this.entries.clear();
  }

  private forget(key: string, entry: object): void {
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }
}
