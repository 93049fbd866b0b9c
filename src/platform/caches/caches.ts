import { Injectable } from '@nestjs/common';

export interface Cache {
  readonly size: number;
  clear(): void;
}

/** What this process remembers of the database, by name: whoever keeps a cache registers it here, so that an administrator can have it flushed. */
@Injectable()
export class Caches {
  private readonly caches = new Map<string, Cache>();

  /** @throws when two register the same name */
  register(name: string, cache: Cache): void {
    if (this.caches.has(name)) throw new Error(`there are two caches "${name}": each needs a name of its own`);
    this.caches.set(name, cache);
  }

  names(): string[] {
    return [...this.caches.keys()].sort();
  }

  /** Empties the named ones, or all; answers how many entries each held. Names that this process does not have are left out. */
  flush(names: readonly string[] | null): Record<string, number> {
    const meant = this.names().filter((name) => names?.includes(name) ?? true);
    return Object.fromEntries(
      meant.map((name) => {
        const cache = this.caches.get(name)!;
        const { size } = cache;
        cache.clear();
        return [name, size];
      }),
    );
  }
}
