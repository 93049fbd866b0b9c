import fc from 'fast-check';
import { estimateOf, explain } from './explain.js';
import type { JobFacts, WaitingFacts } from './job-facts.js';

const now = new Date('2026-03-08T09:30:00Z');
const inAnHour = new Date('2026-03-08T10:30:00Z');
const since = new Date('2026-03-08T09:00:00Z');

const waiting: WaitingFacts = {
  is: 'queued',
  standsIn: 'ready',
  dueAt: since,
  retryCount: 0,
  maxRetries: 3,
  lastError: null,
  queuePause: null,
  organizationPause: null,
  typePause: null,
  parents: [],
  batch: null,
  limits: [],
  workers: { alive: 2, serving: 1 },
  handled: true,
  turn: { ahead: 0, organizations: 1, recentStarts: 0, recentSeconds: 0 },
};
const explained = (state: JobFacts['state']) =>
  explain({ jobId: 'j1', jobType: 'dataset.import', queue: 'imports', now, state });
const reasonsOf = (facts: Partial<WaitingFacts>) => explained({ ...waiting, ...facts }).reasons;
const pause = { since, by: { id: 'u1', name: 'Ada' }, reason: 'moving house' };

describe('explain', () => {
  it.each([
    [{ is: 'completed', attempts: 1 }, 'It completed at 2026-03-08T09:00:00.000Z, after 1 attempt.'],
    [
      { is: 'failed', attempts: 4, errorCode: 'bad_row', errorMessage: 'row 3 is broken.' },
      'It failed for good at 2026-03-08T09:00:00.000Z, after 4 attempts: [bad_row] row 3 is broken. It runs again only if it is retried.',
    ],
    [
      { is: 'cancelled', attempts: 0, cancelReason: 'twice' },
      'It was cancelled at 2026-03-08T09:00:00.000Z, after 0 attempts: twice.',
    ],
  ] as const)('says how %j ended', (state, message) => {
    const facts = { at: since, errorCode: null, errorMessage: null, cancelReason: null, ...state };
    expect(explained(facts)).toEqual({
      jobId: 'j1',
      status: state.is,
      reasons: [{ code: state.is, at: since, message }],
      estimate: null,
    });
  });

  it('says where it runs, and that it was told to stop', () => {
    const running = { is: 'processing', since, worker: 'host:7', attempt: 2, cancelRequestedAt: null } as const;
    expect(explained(running).reasons).toEqual([
      {
        code: 'running',
        at: since,
        message: 'It has been running since 2026-03-08T09:00:00.000Z on host:7, attempt 2.',
      },
    ]);
    const codes = explained({ ...running, cancelRequestedAt: now }).reasons.map(({ code }) => code);
    expect(codes).toEqual(['running', 'cancel_requested']);
  });

  it('tells a job of the future from one that waits for its retry', () => {
    expect(reasonsOf({ dueAt: inAnHour, standsIn: 'later' })).toEqual([
      { code: 'scheduled', at: inAnHour, message: 'It is not to run before 2026-03-08T10:30:00.000Z.' },
    ]);
    expect(reasonsOf({ dueAt: inAnHour, standsIn: 'later', retryCount: 2, lastError: 'out of ink' })).toMatchObject([
      {
        code: 'waits_for_retry',
        message: 'It failed, and is tried again at 2026-03-08T10:30:00.000Z (retry 2 of 3): out of ink.',
      },
    ]);
  });

  it('names every pause with who and why', () => {
    const reasons = reasonsOf({
      queuePause: pause,
      organizationPause: { ...pause, by: { id: 'u2', name: null } },
      typePause: { ...pause, by: null, reason: null },
    });
    expect(reasons.map(({ code }) => code)).toEqual(['queue_paused', 'organization_paused', 'job_type_paused']);
    expect(reasons.map(({ message }) => message)).toEqual([
      'The queue "imports" has been paused since 2026-03-08T09:00:00.000Z by Ada: moving house.',
      'The jobs of its organisation have been paused since 2026-03-08T09:00:00.000Z by an administrator: moving house.',
      'Jobs of the type "dataset.import" have been paused since 2026-03-08T09:00:00.000Z by somebody.',
    ]);
    expect(reasons[0]!.pause).toEqual(pause);
  });

  it('tells parents that go on from those that need somebody', () => {
    const parents = [
      { id: 'p1', jobType: 'a', status: 'queued' },
      { id: 'p2', jobType: 'b', status: 'failed' },
    ] as const;
    const reasons = reasonsOf({ standsIn: 'held', turn: null, parents: [...parents] });
    expect(reasons).toMatchObject([
      {
        code: 'waits_for_parents',
        parents: [parents[0]],
        message: 'It waits until 1 job has completed: a p1 (queued).',
      },
      { code: 'parent_will_not_complete', parents: [parents[1]] },
    ]);
    expect(reasons[1]!.message).toMatch(/^It waits for b p2 \(failed\), .* Retry that job, .* or cancel this one\.$/);
  });

  it('counts what is left of a batch', () => {
    const batch = { id: 'b1', name: 'nightly', total: 10, pending: 3 };
    expect(reasonsOf({ standsIn: 'held', turn: null, batch })).toEqual([
      {
        code: 'waits_for_batch',
        batch,
        message: 'It runs when all jobs of the batch "nightly" have ended; 3 of 10 have not.',
      },
    ]);
  });

  it('names the limits that are full and no others, with their numbers', () => {
    const limit = { scope: 'jobType', kind: 'runningAtOnce', name: 'dataset.import', used: 4, most: 4 } as const;
    const open = { scope: 'queue', kind: 'startsPerMinute', name: 'imports', used: 4, most: 60 } as const;
    expect(reasonsOf({ standsIn: 'held', turn: null, limits: [limit, open] })).toEqual([
      {
        code: 'limit_reached',
        limit,
        message: 'The limit of the type "dataset.import" is reached: 4 jobs of at most 4 at once.',
      },
    ]);
    expect(reasonsOf({ limits: [{ ...open, used: 60 }] })[0]!.message).toBe(
      'The limit of the queue "imports" is reached: 60 jobs of at most 60 started within the last minute.',
    );
  });

  it('says that nobody serves its queue, or has its handler', () => {
    expect(reasonsOf({ workers: { alive: 0, serving: 0 } })[0]!.message).toBe(
      'No worker serves the queue "imports": no worker is running at all.',
    );
    const reasons = reasonsOf({ workers: { alive: 2, serving: 0 }, handled: false });
    expect(reasons.map(({ code }) => code)).toEqual(['no_worker', 'no_handler']);
  });

  it('tells its place when it waits for nothing but its turn, and when that will be', () => {
    const turn = { ahead: 9, organizations: 3, recentStarts: 50, recentSeconds: 100 };
    expect(explained({ ...waiting, turn })).toMatchObject({
      reasons: [
        {
          code: 'waits_its_turn',
          place: { ahead: 9, organizations: 3 },
          message: '9 jobs of its organisation come first in the queue "imports", and 3 organisations take turns.',
        },
      ],
      estimate: { startsAt: new Date(now.getTime() + 20_000) },
    });
    const far = reasonsOf({ turn: { ...turn, ahead: 10_001, organizations: 1_001 } })[0]!;
    expect(far).toMatchObject({ place: { ahead: 10_000, organizations: 1_000 } });
    expect(far.message).toContain('more than 10000 jobs');
  });

  it('says that it is about to start when nothing is in its way any more', () => {
    for (const standsIn of ['held', 'later', null] as const)
      expect(reasonsOf({ standsIn, turn: null })).toMatchObject([{ code: 'about_to_start' }]);
  });

  const maybePause = fc.option(fc.constant(pause));
  const count = fc.nat({ max: 20_000 });
  const facts: fc.Arbitrary<WaitingFacts> = fc.record({
    is: fc.constant('queued' as const),
    standsIn: fc.constantFrom('ready' as const, 'later' as const, 'held' as const, null),
    dueAt: fc.constantFrom(since, now, inAnHour),
    retryCount: fc.nat({ max: 3 }),
    maxRetries: fc.constant(3),
    lastError: fc.option(fc.string()),
    queuePause: maybePause,
    organizationPause: maybePause,
    typePause: maybePause,
    parents: fc.array(
      fc.record({
        id: fc.uuid(),
        jobType: fc.string(),
        status: fc.constantFrom('queued' as const, 'failed' as const, 'cancelled' as const),
      }),
    ),
    batch: fc.option(fc.record({ id: fc.uuid(), name: fc.option(fc.string()), total: count, pending: count })),
    limits: fc.array(
      fc.record({
        scope: fc.constantFrom(
          'queue' as const,
          'organization' as const,
          'share' as const,
          'jobType' as const,
          'concurrencyKey' as const,
        ),
        kind: fc.constantFrom('runningAtOnce' as const, 'startsPerMinute' as const),
        name: fc.string(),
        used: count,
        most: count,
      }),
    ),
    workers: fc.record({ alive: fc.nat({ max: 2 }), serving: fc.nat({ max: 2 }) }),
    handled: fc.boolean(),
    turn: fc.option(
      fc.record({ ahead: count, organizations: count, recentStarts: count, recentSeconds: fc.nat({ max: 300 }) }),
    ),
  });

  it('always gives a reason, each a sentence with an end, and an estimate only to one that waits its turn alone', () => {
    fc.assert(
      fc.property(facts, (state) => {
        const { reasons, estimate } = explained(state);
        expect(reasons.length).toBeGreaterThan(0);
        for (const { message } of reasons) expect(message.endsWith('.')).toBe(true);
        const inTheWay = new Set(reasons.map(({ code }) => code));
        expect(estimate === null || (inTheWay.size === 1 && inTheWay.has('waits_its_turn'))).toBe(true);
        expect(inTheWay.has('queue_paused')).toBe(state.queuePause !== null);
        expect(inTheWay.has('limit_reached')).toBe(state.limits.some(({ used, most }) => used >= most));
      }),
    );
  });
});

describe('estimateOf', () => {
  it('knows nothing from a handful of starts', () => {
    expect(estimateOf(now, { ahead: 3, organizations: 1, recentStarts: 4, recentSeconds: 1 })).toBeNull();
    expect(estimateOf(now, { ahead: 3, organizations: 1, recentStarts: 9, recentSeconds: 0 })).toBeNull();
  });

  it('is never in the past, and later for whoever stands further back', () => {
    fc.assert(
      fc.property(
        fc.nat(9_999),
        fc.integer({ min: 5, max: 500 }),
        fc.integer({ min: 1, max: 300 }),
        (ahead, recentStarts, recentSeconds) => {
          const at = (place: number) =>
            estimateOf(now, { ahead: place, organizations: 1, recentStarts, recentSeconds })!.startsAt;
          expect(at(ahead).getTime()).toBeGreaterThanOrEqual(now.getTime());
          expect(at(ahead + 1).getTime()).toBeGreaterThanOrEqual(at(ahead).getTime());
        },
      ),
    );
  });
});
