export const CLOCK = Symbol('Clock');

/** Where the application's own time comes from; tests pass one they can move. Decisions about rows use `carillon_now()` instead. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
