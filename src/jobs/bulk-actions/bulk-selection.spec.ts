import fc from 'fast-check';
import { countsOf, impossibleStatuses, nothingYet, selectionOf, summaryOf, sumOf } from './bulk-selection.js';

describe('selectionOf', () => {
  it.each([
    ['retry', ['failed']],
    ['delete', ['failed']],
    ['cancel', ['queued', 'processing']],
  ] as const)('means by %s without a status jobs that are %p', (action, status) => {
    expect(selectionOf(action, { jobType: 'x' })).toEqual({ jobType: 'x', status });
    expect(selectionOf(action, { status: [] }).status).toEqual(status);
  });

  it('keeps the statuses that are named', () => {
    expect(selectionOf('retry', { status: ['completed', 'cancelled'] }).status).toEqual(['completed', 'cancelled']);
  });
});

it.each([
  ['retry', ['queued', 'processing']],
  ['delete', ['queued', 'processing']],
  ['cancel', ['completed', 'failed', 'cancelled']],
] as const)('%s cannot be done to jobs that are %p', (action, impossible) => {
  const status = ['queued', 'processing', 'completed', 'failed', 'cancelled'] as const;
  expect(impossibleStatuses(action, { status: [...status] })).toEqual(impossible);
});

describe('counts', () => {
  const outcome = fc.constantFrom('changed', 'unique_key_held', 'not_ended', 'gone');

  it('are the same, however the jobs are cut into batches', () => {
    fc.assert(
      fc.property(fc.array(fc.array(outcome)), (batches) => {
        const byBatch = batches.map(countsOf).reduce(sumOf, nothingYet());
        expect(byBatch).toEqual(countsOf(batches.flat()));
      }),
    );
  });

  it('account for every job that matched', () => {
    fc.assert(
      fc.property(fc.array(outcome), (outcomes) => {
        const { matched, changed, skipped } = countsOf(outcomes);
        expect(matched).toBe(changed + Object.values(skipped).reduce((a, b) => a + b, 0));
      }),
    );
  });

  it('read as a sentence', () => {
    expect(summaryOf('retry', countsOf(['changed', 'changed', 'unique_key_held']))).toBe(
      'Put back 2 of 3 jobs; left: 1 unique key held',
    );
    expect(summaryOf('delete', countsOf(['changed']))).toBe('Deleted 1 of 1 job');
    expect(summaryOf('cancel', nothingYet())).toBe('Cancelled 0 of 0 jobs');
  });
});
