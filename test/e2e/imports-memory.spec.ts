/** Size costs time and disk, not memory: measured on a process that does nothing else. */
import { readFileSync } from 'node:fs';
import { migrate, provision } from '../../src/platform/database/index.js';
import { streamUpload } from '../integration/imports/stream-upload.js';
import { killAll, removeFolders, startCarillon, temporaryFolder, untilListening } from '../support/carillon-process.js';
import { createEmptyDatabase, type EmptyDatabase } from '../support/empty-database.js';

const megabyte = 1_000_000;
let db: EmptyDatabase;
beforeAll(async () => {
  db = await createEmptyDatabase();
  await provision(db);
  await migrate(db);
});
afterEach(killAll);
afterAll(async () => {
  await db.drop();
  await removeFolders();
});

/** Resident bytes of a process; Linux tells them in /proc. */
const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024;

const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux(
  'an upload of 200 MB is streamed to the staging area in flat memory',
  async () => {
    const env = {
      DATABASE_URL: db.url,
      DATA_DIR: temporaryFolder(),
      JWT_SECRET: 'a secret of the tests, long enough to sign with',
      SECRET_KEYS: `tests:${Buffer.alloc(32, 'tests of processes').toString('base64')}`,
      ADMIN_EMAIL: 'root@carillon.test',
      ADMIN_PASSWORD: 'the password of the tests',
      IMPORT_MAX_BYTES: String(210 * megabyte),
    };
    const api = startCarillon(['api'], { env });
    const url = await untilListening(api);
    const login = await fetch(`${url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD }),
    });
    const { accessToken } = (await login.json()) as { accessToken: string };
    const client = { url, accessToken: async () => accessToken };
    await streamUpload(client, 20 * megabyte); // compiled code and pools of buffers grow once, whatever the size

    const before = residentBytes(api.pid);
    let peak = before;
    const sampler = setInterval(() => (peak = Math.max(peak, residentBytes(api.pid))), 20);
    const { status } = await streamUpload(client, 200 * megabyte);
    clearInterval(sampler);
    expect(status).toBe(202);
    expect(peak - before).toBeLessThan(60 * megabyte);
    const { rows } = await db.owner.query<{ bytes: number }>(
      `select bytes::float8 bytes from uploads order by bytes desc limit 1`,
    );
    expect(rows[0]!.bytes).toBeGreaterThan(200 * megabyte);
  },
  60_000,
);
