import { Gatherer } from './gatherer.js';

describe('Gatherer', () => {
  it('writes together what came while a write was in flight, and answers each its own', async () => {
    const batches: number[][] = [];
    const gatherer = new Gatherer<number, number>(
      async (items) => {
        batches.push(items);
        await new Promise(setImmediate);
        return items.map((n) => n * 10);
      },
      { maxBatch: 3 },
    );
    const first = gatherer.add(1);
    await new Promise(setImmediate); // the first is under way
    const rest = [2, 3, 4, 5].map((n) => gatherer.add(n));
    expect(await Promise.all([first, ...rest])).toEqual([10, 20, 30, 40, 50]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('rejects only the caller whose answer is an error', async () => {
    const gatherer = new Gatherer<number, number>(async (items) => items.map((n) => (n === 2 ? new Error('two') : n)), {
      maxBatch: 10,
    });
    const settled = await Promise.allSettled([1, 2, 3].map((n) => gatherer.add(n)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('rejects all of a batch whose write failed, and goes on with the next', async () => {
    let fails = true;
    const gatherer = new Gatherer<number, number>(
      async (items) => {
        if (fails) throw new Error('away');
        return items;
      },
      { maxBatch: 10 },
    );
    await expect(gatherer.add(1)).rejects.toThrow('away');
    fails = false;
    await expect(gatherer.add(2)).resolves.toBe(2);
    await gatherer.idle();
  });
});
