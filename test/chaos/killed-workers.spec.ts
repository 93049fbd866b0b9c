import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { JobClient } from '@carillon/job-engine';
import { type CarillonProcess, root, startCarillon } from '../support/carillon-process.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

jest.setTimeout(120_000);

describe('workers as processes', () => {
  let db: TestDatabase;
  let client: JobClient;
  let organizationId: string;
  const workers: CarillonProcess[] = [];
  beforeEach(async () => {
    db = await createTestDatabase();
    client = new JobClient({ pool: db.as('carillon_engine') });
    organizationId = uuidv7();
    await db.owner.query(`insert into organizations (id, name, slug) values ($1, 'a', 'a')`, [organizationId]);
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) {
      worker.kill('SIGKILL');
      await worker.ended;
    }
    await db.drop();
  });

  async function startWorker(leaseMs = 1_500): Promise<CarillonProcess> {
    const program = [process.execPath, path.join(root, 'test/chaos/worker-process.mjs')];
    const worker = startCarillon([db.url, String(leaseMs)], { program });
    workers.push(worker);
    await worker.output(/^ready$/m);
    return worker;
  }
  async function enqueue(jobType: string, payload: object, count = 1): Promise<string[]> {
    const requests = Array.from({ length: count }, () => ({ organizationId, jobType, payload }));
    return (await client.enqueue(db.as('carillon_engine'), requests)).map(({ id }) => id);
  }
  const rows = async (text: string, values: unknown[] = []) =>
    (await db.owner.query(text, values)).rows as Record<string, unknown>[];
  async function until(what: string, holds: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
      await delay(25);
    }
  }
  const statusOf = async (id: string) =>
    (await rows(`select status, worker from background_job_view where id = $1`, [id]))[0]!;

  it('one killed in the middle of a job: another runs it, and the history says the worker was lost', async () => {
    const first = await startWorker();
    const [id] = await enqueue('work', { ms: 3_000 });
    await until('the job to run', async () => (await statusOf(id!)).worker === `pid-${first.pid}`);
    const second = await startWorker();
    first.kill('SIGKILL');
    await until('another to finish it', async () => (await statusOf(id!)).status === 'completed');
    expect(
      await rows(`select number, outcome, worker from job_attempts where job_id = $1 order by number`, [id]),
    ).toEqual([
      { number: 1, outcome: 'worker_lost', worker: `pid-${first.pid}` },
      { number: 2, outcome: 'completed', worker: `pid-${second.pid}` },
    ]);
    expect(
      await rows(`select retry_count, worker_lost_count, result from background_jobs where id = $1`, [id]),
    ).toEqual([{ retry_count: 0, worker_lost_count: 1, result: second.pid }]);
  });

  it('one stopped past its lease and continued: its late result is refused, and its signal has fired', async () => {
    const first = await startWorker();
    const [id] = await enqueue('watched', { ms: 5_000 });
    await first.output(/began run 1/);
    first.kill('SIGSTOP');
    const second = await startWorker();
    await second.output(/began run 2/);
    first.kill('SIGCONT');
    await first.output(/signal lease_lost in run 1/);
    await until('the second to finish it', async () => (await statusOf(id!)).status === 'completed');
    expect(await rows(`select outcome from job_attempts where job_id = $1 order by number`, [id])).toEqual([
      { outcome: 'worker_lost' },
      { outcome: 'completed' },
    ]);
    expect(await rows(`select result from background_jobs where id = $1`, [id])).toEqual([{ result: second.pid }]);
  });

  it('one asked to end gives its job back without burning an attempt, and exits with 0', async () => {
    const first = await startWorker();
    const [id] = await enqueue('work', { ms: 60_000 });
    await until('the job to run', async () => (await statusOf(id!)).status === 'processing');
    first.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(
      await rows(`select status, run, attempt_count, retry_count from background_jobs where id = $1`, [id]),
    ).toEqual([{ status: 'queued', run: 1, attempt_count: 0, retry_count: 0 }]);
    expect(await rows(`select from job_attempts`)).toEqual([]);
    expect(await rows(`select from job_workers`)).toEqual([]);
  });

  it('under a storm of kills: no job is lost, and none is finished twice', async () => {
    const count = 1_000;
    await enqueue('work', { ms: 20 }, count);
    await Promise.all([startWorker(800), startWorker(800)]);
    const done = async () => (await rows(`select from background_jobs where status <> 'queued'`)).length;
    for (let kills = 0; kills < 6 && (await done()) < count; kills++) {
      await delay(400);
      workers[kills]!.kill('SIGKILL');
      await startWorker(800);
    }
    await until('all to end', async () => (await done()) === count);
    const ended = await rows(`select status, error_code, count(*)::int from background_jobs group by 1, 2`);
    expect(ended).toEqual([{ status: 'completed', error_code: null, count }]);
    const completions = `select count(*)::int completions, count(distinct job_id)::int jobs from job_attempts where outcome = 'completed'`;
    expect(await rows(completions)).toEqual([{ completions: count, jobs: count }]);
    expect((await rows(`select from job_attempts where outcome = 'worker_lost'`)).length).toBeGreaterThan(0);
    await until('claims to be dropped', async () => (await rows(`select from job_claims`)).length === 0);
    expect(await rows(`select from job_ready`)).toEqual([]);
  });
});
