import { setTimeout as delay } from 'node:timers/promises';

/** Looks again and again until there is something to see. @throws after `timeoutMs` */
export async function eventually<T>(look: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
  for (const deadline = performance.now() + timeoutMs; ;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`nothing to see within ${timeoutMs} ms`);
    await delay(25);
  }
}
