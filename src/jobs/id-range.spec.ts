import fc from 'fast-check';
import { v7 } from 'uuid';
import { firstIdAt } from './id-range.js';

const instants = fc.integer({ min: 0, max: 4_102_444_800_000 });

describe('firstIdAt', () => {
  it('parts the ids made before an instant from those made then or later', () => {
    fc.assert(
      fc.property(instants, instants, (made, instant) => {
        expect(v7({ msecs: made }) >= firstIdAt(instant)!).toBe(made >= instant);
      }),
    );
  });

  it('knows no id for an instant that a UUIDv7 cannot hold', () => {
    expect([firstIdAt(-1), firstIdAt(2 ** 48), firstIdAt(NaN)]).toEqual([null, null, null]);
  });
});
