import { ExpiringCache } from './expiring-cache.js';

describe('ExpiringCache', () => {
  const setUp = (capacity = 10) => {
    const clock = { time: 0, now: () => clock.time };
    return { clock, cache: new ExpiringCache<number>(clock, 30, capacity) };
  };
  const loads = (...values: (number | null)[]) => {
    let calls = 0;
    const load = async () => values[calls++] ?? null;
    return Object.assign(load, { calls: () => calls });
  };

  it('loads once within its lifetime, and anew after it', async () => {
    const { clock, cache } = setUp();
    const load = loads(1, 2);
    expect([await cache.remember('a', load), await cache.remember('a', load)]).toEqual([1, 1]);
    clock.time = 30;
    expect(await cache.remember('a', load)).toBe(2);
  });

  it('loads once for many who ask at the same time', async () => {
    const { cache } = setUp();
    const load = loads(1);
    expect(await Promise.all([1, 2, 3].map(() => cache.remember('a', load)))).toEqual([1, 1, 1]);
    expect(load.calls()).toBe(1);
  });

  it('keeps neither failures nor null', async () => {
    const { cache } = setUp();
    await expect(cache.remember('a', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(await cache.remember('a', loads(null))).toBeNull();
    expect(await cache.remember('a', loads(3))).toBe(3);
  });

  it('does not let an older failure push out a newer answer', async () => {
    const { cache } = setUp();
    let fail!: (error: Error) => void;
    const first = cache.remember('a', () => new Promise((_, reject) => (fail = reject)));
    cache.clear();
    await cache.remember('a', loads(1));
    fail(new Error('late'));
    await expect(first).rejects.toThrow('late');
    expect(await cache.remember('a', loads(2))).toBe(1);
  });

  it('holds no more than its capacity, forgetting the oldest', async () => {
    const { cache } = setUp(2);
    for (const key of ['a', 'b', 'c']) await cache.remember(key, loads(1));
    expect(await cache.remember('b', loads(2))).toBe(1);
    expect(await cache.remember('a', loads(2))).toBe(2);
  });
});
