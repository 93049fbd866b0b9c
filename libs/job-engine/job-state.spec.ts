import fc from 'fast-check';
import {
  decideOutcome,
  hasEnded,
  type JobAtEnd,
  type JobEvent,
  jobEvents,
  type JobState,
  jobStates,
  maxWorkerLosses,
  mayHappen,
  type RunResult,
  transitions,
} from './job-state.js';
import { defaultBackoff } from './retry-policy.js';

const now = new Date('2026-03-01T12:00:00Z');
const job = (more: Partial<JobAtEnd> = {}): JobAtEnd => ({
  retryCount: 0,
  maxRetries: 3,
  workerLostCount: 0,
  backoff: null,
  cancelRequested: false,
  ...more,
});
const failure = { code: 'E', message: 'no' };

/** The table of docs/job-states.md, written out once more by hand: state × event → where it may lead. */
const expected: Record<JobState, Partial<Record<JobEvent, JobState[]>>> = {
  queued: { claim: ['processing'], cancel: ['cancelled'] },
  processing: {
    complete: ['completed'],
    fail: ['failed'],
    discard: ['failed'],
    retry: ['queued'],
    snooze: ['queued'],
    release: ['queued'],
    lose_worker: ['queued', 'failed', 'cancelled'],
    cancel: ['cancelled'],
  },
  completed: { retry_by_hand: ['queued'] },
  failed: { retry_by_hand: ['queued'] },
  cancelled: { retry_by_hand: ['queued'] },
};

describe('states and events', () => {
  for (const from of jobStates)
    for (const event of jobEvents) {
      const targets = expected[from][event] ?? [];
      it(`${from} + ${event} → ${targets.join(' or ') || 'refused'}`, () => {
        for (const to of jobStates) expect(mayHappen(from, event, to)).toBe(targets.includes(to));
      });
    }

  it('leads out of every state, and ends only where a retry by hand begins', () => {
    for (const state of jobStates) {
      expect(Object.keys(transitions[state]).length).toBeGreaterThan(0);
      expect(hasEnded(state)).toBe(['completed', 'failed', 'cancelled'].includes(state));
    }
  });
});

describe('the end of a run', () => {
  const table: [string, RunResult, JobAtEnd, object][] = [
    [
      'returned',
      { kind: 'returned', value: 7 },
      job(),
      { status: 'completed', outcome: 'completed', result: 7, counts: true },
    ],
    [
      'returned though cancelled',
      { kind: 'returned', value: 7 },
      job({ cancelRequested: true }),
      { status: 'completed' },
    ],
    [
      'threw',
      { kind: 'threw', ...failure },
      job(),
      { status: 'queued', event: 'retry', retryCount: 1, counts: true, errorCode: 'E' },
    ],
    [
      'threw at the last try',
      { kind: 'threw', ...failure },
      job({ retryCount: 3 }),
      { status: 'failed', event: 'fail', retryCount: 3 },
    ],
    ['threw without retries', { kind: 'threw', ...failure }, job({ maxRetries: 0 }), { status: 'failed' }],
    [
      'threw while to be cancelled',
      { kind: 'threw', ...failure },
      job({ cancelRequested: true }),
      { status: 'cancelled' },
    ],
    ['timed out', { kind: 'timed_out', ...failure }, job(), { status: 'queued', outcome: 'timed_out', retryCount: 1 }],
    [
      'timed out at the last try',
      { kind: 'timed_out', ...failure },
      job({ retryCount: 3 }),
      { status: 'failed', outcome: 'timed_out' },
    ],
    [
      'discarded',
      { kind: 'discarded', ...failure, data: { row: 3 } },
      job(),
      { status: 'failed', outcome: 'discarded', result: { row: 3 } },
    ],
    [
      'cancelled',
      { kind: 'cancelled', message: 'enough' },
      job(),
      { status: 'cancelled', outcome: 'cancelled', errorMessage: 'enough' },
    ],
    [
      'snoozed',
      { kind: 'snoozed', delay: 5_000 },
      job({ retryCount: 2 }),
      { status: 'queued', counts: false, retryCount: 2, dueAt: new Date('2026-03-01T12:00:05Z') },
    ],
    [
      'released',
      { kind: 'released', delay: 0 },
      job({ retryCount: 2 }),
      { status: 'queued', counts: false, retryCount: 2, dueAt: null },
    ],
    [
      'retry after',
      { kind: 'retry_after', delay: 60_000, ...failure },
      job(),
      { status: 'queued', retryCount: 1, dueAt: new Date('2026-03-01T12:01:00Z') },
    ],
    [
      'retry after at the last try',
      { kind: 'retry_after', delay: 60_000, ...failure },
      job({ retryCount: 3 }),
      { status: 'failed' },
    ],
    [
      'worker lost',
      { kind: 'worker_lost' },
      job({ retryCount: 2 }),
      { status: 'queued', outcome: 'worker_lost', counts: true, retryCount: 2, workerLostCount: 1 },
    ],
    [
      'worker lost too often',
      { kind: 'worker_lost' },
      job({ workerLostCount: maxWorkerLosses - 1 }),
      { status: 'failed', errorCode: 'worker_lost' },
    ],
    [
      'worker lost while to be cancelled',
      { kind: 'worker_lost' },
      job({ cancelRequested: true }),
      { status: 'cancelled', outcome: 'worker_lost' },
    ],
  ];
  it.each(table)('%s', (_name, result, at, decision) => {
    expect(decideOutcome(at, result, now, () => 0.5)).toMatchObject(decision);
  });

  const anyResult: fc.Arbitrary<RunResult> = fc.oneof(
    fc.constant<RunResult>({ kind: 'returned', value: 1 }),
    fc.constantFrom<RunResult>(
      { kind: 'threw', ...failure },
      { kind: 'timed_out', ...failure },
      { kind: 'discarded', ...failure },
    ),
    fc.nat(10_000_000).map((delay): RunResult => ({ kind: 'retry_after', delay, ...failure })),
    fc.nat(10_000_000).map((delay): RunResult => ({ kind: 'snoozed', delay })),
    fc.nat(10_000).map((delay): RunResult => ({ kind: 'released', delay })),
    fc.constantFrom<RunResult>({ kind: 'cancelled', message: null }, { kind: 'worker_lost' }),
  );
  const anyJob = fc.record({
    retryCount: fc.nat(20),
    maxRetries: fc.nat(20),
    workerLostCount: fc.nat(10),
    backoff: fc.option(
      fc.record({ base: fc.integer({ min: 1, max: 60_000 }), cap: fc.integer({ min: 1, max: 7_200_000 }) }),
    ),
    cancelRequested: fc.boolean(),
  });

  it('always is a transition that the table allows', () => {
    fc.assert(
      fc.property(anyJob, anyResult, (at, result) => {
        const { event, status } = decideOutcome(at, result, now, () => 0.5);
        expect(mayHappen('processing', event, status)).toBe(true);
      }),
    );
  });

  it('never spends more retries than there are, nor lowers a count', () => {
    fc.assert(
      fc.property(anyJob, anyResult, (at, result) => {
        const after = decideOutcome(at, result, now, () => 0.5);
        expect(after.retryCount).toBeGreaterThanOrEqual(at.retryCount);
        expect(after.retryCount).toBeLessThanOrEqual(Math.max(at.maxRetries, at.retryCount));
        expect(after.workerLostCount - at.workerLostCount).toBe(result.kind === 'worker_lost' ? 1 : 0);
      }),
    );
  });

  it('ends a job whose cancel is asked for instead of trying it again', () => {
    fc.assert(
      fc.property(anyJob, anyResult, (at, result) => {
        fc.pre(result.kind === 'threw' || result.kind === 'timed_out' || result.kind === 'worker_lost');
        expect(decideOutcome({ ...at, cancelRequested: true }, result, now, () => 0.5).status).toBe('cancelled');
      }),
    );
  });

  it('dates a retry within the bounds of its backoff', () => {
    fc.assert(
      fc.property(anyJob, fc.double({ min: 0, max: 1, noNaN: true }), (at, random) => {
        const { status, dueAt } = decideOutcome(
          { ...at, cancelRequested: false },
          { kind: 'threw', ...failure },
          now,
          () => random,
        );
        if (status !== 'queued') return;
        const delay = dueAt!.getTime() - now.getTime();
        const { base, cap } = at.backoff ?? defaultBackoff;
        expect(delay).toBeGreaterThanOrEqual(1);
        expect(delay).toBeLessThanOrEqual(Math.max(1, Math.min(cap, base * 2 ** at.retryCount)));
      }),
    );
  });
});
