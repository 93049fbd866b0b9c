import { DiscardJob } from '@carillon/job-engine';
import { TestEngines } from './test-engines.js';

describe('a job', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.stopAll());
  afterAll(() => engines.close());

  it('is run, and its result, attempt, progress and log are kept', async () => {
    const { engine } = engines.engine({
      handlers: {
        greet: async (payload, ctx) => {
          await ctx.progress(50, 'half way');
          ctx.log('info', 'hello', { n: 1 });
          return { greeted: (payload as { name: string }).name, token: ctx.fencingToken };
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'greet', payload: { name: 'Ada' } });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({
      status: 'completed',
      result: { greeted: 'Ada', token: '1' },
      progress: 100,
      progress_message: 'half way',
      retry_count: 0,
      worker: null,
    });
    expect(await engines.attempts(id)).toMatchObject([
      { number: 1, outcome: 'completed', worker: 'test-1', error_code: null },
    ]);
    expect(await engines.rows(`select level, message, data from job_log_entries where job_id = $1`, [id])).toEqual([
      { level: 'info', message: 'hello', data: { n: 1 } },
    ]);
    expect(await engines.rows(`select * from job_claims`)).toEqual([]);
    expect(await engines.rows(`select * from job_progress`)).toEqual([]);
  });

  it('that is discarded fails at once and keeps what it said', async () => {
    const { engine } = engines.engine({
      handlers: {
        picky: async () => {
          throw new DiscardJob('row 3 is broken', 'bad_row', { row: 3 });
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'picky' });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({
      status: 'failed',
      error_code: 'bad_row',
      error_message: 'row 3 is broken',
      result: { row: 3 },
    });
  });
});
