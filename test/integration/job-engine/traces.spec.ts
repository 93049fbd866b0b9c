import { DiscardJob, RetryAfter } from '@carillon/job-engine';
import { TestEngines } from './test-engines.js';

/** What a run leaves behind besides its result. */
describe('a run', () => {
  let engines: TestEngines;
  beforeAll(async () => {
    engines = await TestEngines.open();
  });
  afterEach(() => engines.stopAll());
  afterAll(() => engines.close());

  it('shows each step it waits for, clamped, never falling', async () => {
    const shown: unknown[] = [];
    const { engine } = engines.engine({
      handlers: {
        steps: async (_payload, ctx) => {
          for (const percent of [-5, 30, 20, Number.NaN, 101]) {
            await ctx.progress(percent, `said ${percent}`);
            const { progress, progress_message: message, status, worker } = await engines.job(ctx.jobId);
            shown.push([status, progress, message, worker]);
          }
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'steps' });
    await engine.worker.runOnce();
    expect(shown).toEqual([
      ['processing', 0, 'said -5', 'test-1'],
      ['processing', 30, 'said 30', 'test-1'],
      ['processing', 30, 'said 20', 'test-1'],
      ['processing', 30, 'said NaN', 'test-1'],
      ['processing', 100, 'said 101', 'test-1'],
    ]);
    expect(await engines.job(id)).toMatchObject({ progress: 100 });
  });

  it('stores the last of many reports that nobody waits for', async () => {
    const { engine } = engines.engine({
      handlers: {
        chatty: async (_payload, ctx) => {
          for (let i = 1; i <= 90; i++) void ctx.progress(i, `step ${i}`);
          throw new DiscardJob('enough');
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'chatty' });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'failed', progress: 90, progress_message: 'step 90' });
  });

  it('keeps at most 1,000 lines of log, in order', async () => {
    const { engine } = engines.engine({
      handlers: {
        logger: async (_payload, ctx) => {
          for (let i = 1; i <= 1_200; i++) ctx.log('debug', `line ${i}`);
          if (ctx.attempt === 1) throw new RetryAfter(0);
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'logger' });
    await engine.worker.runOnce();
    await engine.promoter.runOnce();
    await engine.worker.runOnce();
    expect(await engines.job(id)).toMatchObject({ status: 'completed' });
    const lines = await engines.rows(`select message from job_log_entries where job_id = $1 order by id`, [id]);
    expect(lines.map(({ message }) => message)).toEqual(Array.from({ length: 1_000 }, (_, i) => `line ${i + 1}`));
  });

  it('whose job is deleted meanwhile changes nothing and leaves nothing', async () => {
    const { engine } = engines.engine({
      handlers: {
        vanishing: async (_payload, ctx) => {
          ctx.log('info', 'before');
          await engines.db.owner.query(`delete from background_jobs where id = $1`, [ctx.jobId]);
          await expect(ctx.progress(50)).rejects.toThrow('no longer ours');
        },
      },
    });
    const id = await engines.enqueue({ jobType: 'vanishing' });
    await engine.worker.runOnce();
    expect(await engines.job(id)).toBeUndefined();
    expect(engine.worker.counters.refused).toBe(1);
    expect(await engines.rows(`select from job_log_entries where job_id = $1`, [id])).toEqual([]);
  });

  it('tells hooks, in its transaction, of accepted ends of jobs that are not internal', async () => {
    await engines.db.owner.query(`create table told (job uuid, status text); grant all on told to carillon_engine`);
    const { engine } = engines.engine({
      hooks: [
        {
          rowFor: (run) => ({ job: run.jobId, status: run.status, attempt: run.attempt }),
          insert: async (tx, rows) => {
            await tx.query(`insert into told select * from jsonb_to_recordset($1) r (job uuid, status text)`, [
              JSON.stringify(rows),
            ]);
          },
        },
      ],
      handlers: {
        open: async () => 1,
        failing: async () => {
          throw new Error('no');
        },
        quiet: { internal: true, run: async () => 1 },
      },
    });
    const open = await engines.enqueue({ jobType: 'open' });
    const failing = await engines.enqueue({ jobType: 'failing', maxRetries: 0 });
    await engines.enqueue({ jobType: 'failing', maxRetries: 1 });
    await engines.enqueue({ jobType: 'quiet' });
    await engine.worker.runOnce();
    expect(await engines.rows(`select * from told order by status`)).toEqual([
      { job: open, status: 'completed' },
      { job: failing, status: 'failed' },
    ]);
  });
});
