import { contentOf } from './content.js';

const occurredAt = new Date('2026-03-03T14:05:00Z');
const told = (type: string, data: Record<string, unknown> = {}) =>
  contentOf({ type, data, occurredAt }, 'https://c.example/');

describe('contentOf', () => {
  it('tells of an import that is done: when, what came of it, and where to look', () => {
    const data = {
      jobId: 'j1',
      jobType: 'dataset.import',
      attempts: 2,
      datasetId: 'd1',
      summary: 'a.csv imported: 7 rows',
    };
    expect(told('job.completed', data)).toEqual({
      subject: 'Done: a.csv imported: 7 rows',
      paragraphs: [
        'The import of a dataset is done. It ended on 3 March 2026 at 14:05 UTC, at its attempt 2.',
        'a.csv imported: 7 rows.',
        'Its dataset is d1.',
      ],
      link: { label: 'The job', url: 'https://c.example/api/v2/jobs/j1' },
    });
    expect(told('job.completed', { jobType: 'dataset.import' }).subject).toBe('Done: the import of a dataset');
  });

  it('tells of a failure with its reason', () => {
    const { subject, paragraphs } = told('job.failed', {
      jobId: 'j1',
      jobType: 'report.build',
      attempts: 4,
      errorMessage: 'row 7: no number',
    });
    expect(subject).toBe('Failed: the job report.build');
    expect(paragraphs).toEqual([
      'The job report.build failed for good on 3 March 2026 at 14:05 UTC, at its attempt 4.',
      'What went wrong: row 7: no number',
    ]);
    expect(told('job.failed', {}).paragraphs[1]).toBe('What went wrong: no error was given');
  });

  it('keeps to one line and a bounded length what others wrote', () => {
    const { subject, paragraphs } = told('job.failed', {
      jobType: `a\r\nBcc: x${'y'.repeat(500)}`,
      errorMessage: 'z\u0000\n'.repeat(2_000),
    });
    expect(subject.length).toBeLessThanOrEqual(200);
    expect(subject).toMatch(/^Failed: the job a Bcc: xy+…$/);
    expect(paragraphs.every((p) => !/\p{Cc}/u.test(p) && p.length < 1_100)).toBe(true);
  });

  it.each([
    ['payroll.processed', 'Payroll was processed'],
    ['tea.ready', 'Event tea.ready'],
    ['notification.test', 'Test message from Carillon'],
  ])('has words for %s', (type, subject) => {
    expect(told(type).subject).toBe(subject);
  });
});
