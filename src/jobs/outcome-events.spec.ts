import type { EndedRun } from '@carillon/job-engine';
import type { Events } from '../platform/events/index.js';
import { OutcomeEvents } from './outcome-events.js';

const run: EndedRun = {
  jobId: 'j1',
  organizationId: 'o1',
  jobType: 'dataset.import',
  queue: 'imports',
  status: 'completed',
  attempt: 1,
  errorCode: null,
  errorMessage: null,
  result: { summary: 'a.csv imported: 7 rows', datasetId: 'd1', columns: ['much'] },
  subject: { type: 'dataset', id: 'd1' },
  createdBy: 'u1',
};

describe('OutcomeEvents', () => {
  const hook = new OutcomeEvents({} as Events);

  it('tells of a job that is done, in its own summary and no more of its result', () => {
    expect(hook.rowFor(run)).toEqual({
      organizationId: 'o1',
      type: 'job.completed',
      severity: 'info',
      userId: 'u1',
      subject: { type: 'dataset', id: 'd1' },
      data: {
        jobId: 'j1',
        jobType: 'dataset.import',
        status: 'completed',
        attempts: 1,
        datasetId: 'd1',
        summary: 'a.csv imported: 7 rows',
      },
    });
  });

  it('tells of one that failed for good, with the error cut to what people read', () => {
    const failed: EndedRun = {
      ...run,
      status: 'failed',
      attempt: 4,
      errorCode: 'e',
      errorMessage: 'x'.repeat(9_000),
      result: null,
      subject: null,
    };
    const event = hook.rowFor(failed)!;
    expect(event).toMatchObject({ type: 'job.failed', severity: 'warning', data: { attempts: 4, errorCode: 'e' } });
    expect(event.data.errorMessage).toHaveLength(2_000);
    expect(event).not.toHaveProperty('subject');
  });

  it.each([null, 'text', { summary: 7 }])('tells no summary where the result %j has none', (result) => {
    expect(hook.rowFor({ ...run, result })!.data).not.toHaveProperty('summary');
  });

  it('tells of no cancelled one', () => {
    expect(hook.rowFor({ ...run, status: 'cancelled' })).toBeNull();
  });
});
