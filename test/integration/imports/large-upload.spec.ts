/** Size costs time and disk, not memory. */
import { type ImportClient, openImportClient } from './import-client.js';
import { streamUpload } from './stream-upload.js';

const megabyte = 1_000_000;
let app: ImportClient;
beforeAll(async () => {
  app = await openImportClient({ IMPORT_MAX_BYTES: String(210 * megabyte), WORKER_QUEUES: 'none' });
});
afterAll(() => app.close());

/** How far the process grew beyond what it was, in bytes, while the work ran. */
async function growthDuring(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  await work();
  clearInterval(sampler);
  return Math.max(peak, process.memoryUsage.rss()) - before;
}

it('streams an upload of 200 MB to the staging area in flat memory, its client in the same process', async () => {
  await streamUpload(app, 10 * megabyte); // compiled code and pools of buffers are grown once, whatever the size
  const growth = await growthDuring(async () => {
    const { status } = await streamUpload(app, 200 * megabyte);
    expect(status).toBe(202);
  });
  expect(growth).toBeLessThan(60 * megabyte);
  const { rows } = await app.db.owner.query(
    `select bytes::int, length(sha256) from uploads order by bytes desc limit 1`,
  );
  expect(rows[0]).toMatchObject({ length: 64 });
  expect(rows[0].bytes).toBeGreaterThan(200 * megabyte);
}, 60_000);
