/** What imports that were cut off leave behind is found and taken away; what is still wanted stays. */
import { Readable } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { StorageSweep } from '../../../src/imports/storage-sweep.js';
import { storageKey } from '../../../src/imports/storage/index.js';
import { type ImportBench, type ImportJob, openImportBench, sampleCsv } from './import-bench.js';

const day = 86_400_000;
let bench: ImportBench;
let sweep: StorageSweep;
beforeAll(async () => {
  bench = await openImportBench();
  sweep = new StorageSweep(bench.database, bench.drafts, bench.storage, { api: false, worker: true });
});
afterAll(() => bench.close());

/** The job's row, as the engine leaves it when it ends; `queued` for one that will still come. */
async function jobIs(job: ImportJob, status: 'queued' | 'completed' | 'failed' | 'cancelled', daysAgo = 0) {
  await bench.db.owner.query(
    `insert into background_jobs (id, organization_id, queue, job_type, status, completed_at, failed_at)
     values ($1, $2, 'imports', 'dataset.import', $3, $4, $5)`,
    [
      job.jobId,
      job.organizationId,
      status,
      ...[status !== 'queued', status === 'failed'].map((set) => (set ? new Date(Date.now() - daysAgo * day) : null)),
    ],
  );
}

/** Runs it up to the middle of its rows and no further. */
async function halfDone(seed: string): Promise<ImportJob> {
  const job = await bench.stage(sampleCsv(12_000, seed));
  const lost = new AbortController();
  const onProgress = (percent: number) => void (percent >= 80 && lost.abort(new Error('lost')));
  await expect(bench.run(job, { signal: lost.signal, onProgress })).rejects.toThrow('lost');
  return job;
}

const keptFile = (job: ImportJob) => bench.storage.stat(storageKey('datasets', job.organizationId, job.jobId));
const stagedFile = (job: ImportJob) => bench.storage.stat(storageKey('staging', job.organizationId, job.uploadId));
const rowCount = async (job: ImportJob) =>
  (await bench.db.owner.query(`select 1 from dataset_rows where dataset_id = $1`, [job.jobId])).rowCount;

it('takes away the rows of an import that ended half-way, and its file once nobody will retry it', async () => {
  const [failed, cancelled, waiting] = [
    await halfDone('failed'),
    await halfDone('cancelled'),
    await halfDone('waiting'),
  ];
  await jobIs(failed, 'failed');
  await jobIs(cancelled, 'cancelled');
  await jobIs(waiting, 'queued');
  await sweep.runOnce(Date.now());
  expect(await Promise.all([failed, cancelled, waiting].map(rowCount))).toEqual([0, 0, 10_000]);
  expect(await keptFile(failed)).toBeDefined();
  expect(await keptFile(cancelled)).toBeUndefined();
  expect(await keptFile(waiting)).toBeDefined();

  const { summary } = await bench.run(failed, { token: 2 }); // retried by hand within its days
  expect(summary.rows).toBe(12_000);
  await sweep.runOnce(Date.now() + 30 * day);
  expect(await keptFile(failed)).toBeDefined();
  expect(await rowCount(failed)).toBe(12_000);
});

it('takes away the staged file of an import that was cancelled before it ran, or failed long ago', async () => {
  const [cancelled, old, recent] = await Promise.all(['c', 'o', 'r'].map((seed) => bench.stage(sampleCsv(5, seed))));
  await jobIs(cancelled!, 'cancelled');
  await jobIs(old!, 'failed', 8);
  await jobIs(recent!, 'failed', 6);
  await sweep.runOnce(Date.now());
  expect(
    await Promise.all([cancelled!, old!, recent!].map(async (job) => (await stagedFile(job)) !== undefined)),
  ).toEqual([false, false, true]);
});

it('takes away staged files that no upload knows and exports past their time, and leaves the young ones', async () => {
  const waiting = await bench.stage(sampleCsv(5, 'known'));
  await jobIs(waiting, 'queued');
  const organizationId = bench.organizations.A;
  const orphan = storageKey('staging', organizationId, uuidv7());
  const written = storageKey('exports', organizationId, uuidv7(), uuidv7());
  for (const key of [orphan, written]) await bench.storage.put(key, Readable.from(['x']));
  await sweep.runOnce(Date.now());
  expect(await bench.storage.stat(orphan)).toBeDefined();
  await sweep.runOnce(Date.now() + 2 * day);
  expect(await bench.storage.stat(orphan)).toBeUndefined();
  expect(await stagedFile(waiting)).toBeDefined();
  expect(await bench.storage.stat(written)).toBeDefined();
  await sweep.runOnce(Date.now() + 8 * day);
  expect(await bench.storage.stat(written)).toBeUndefined();
});
