import { killAll, removeFolders, startCarillon, untilListening } from '../../support/carillon-process.js';
import { type HttpSession, signIn } from '../../support/http-session.js';
import { administrator, sharedInstallation } from '../../support/shared-installation.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

// whole processes on a machine that may be busy
jest.setTimeout(90_000);

describe('limits of two processes on one database', () => {
  let db: TestDatabase;
  let sessions: HttpSession[];

  beforeAll(async () => {
    db = await createTestDatabase();
    const env = sharedInstallation(db.url);
    const urls = await Promise.all([1, 2].map(() => untilListening(startCarillon(['api'], { env }))));
    sessions = await Promise.all(urls.map((url) => signIn(url, administrator.email, administrator.password)));
  });
  afterAll(async () => {
    await killAll();
    await removeFolders();
    await db.drop();
  });

  /** In turn through both processes. */
  async function statuses(
    calls: number,
    call: (session: HttpSession) => Promise<{ status: number; headers: Headers }>,
  ) {
    const answers = [];
    for (let i = 0; i < calls; i++) answers.push(await call(sessions[i % 2]!));
    return { before: answers.slice(0, -1).map(({ status }) => status), last: answers.at(-1)! };
  }

  it('answer the 21st change of the settings within a minute with 429 and Retry-After', async () => {
    const { before, last } = await statuses(21, (session) =>
      session.put('/api/system/notification-settings', { emailFromName: 'Bells' }),
    );
    expect(new Set(before)).toEqual(new Set([200]));
    expect(last.status).toBe(429);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('answer the 6th test message within a minute with 429 and Retry-After', async () => {
    const { before, last } = await statuses(6, (session) =>
      session.post('/api/system/notification-settings/test-email', { email: 'somebody@example.test' }),
    );
    expect(new Set(before)).toEqual(new Set([200]));
    expect(last.status).toBe(429);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
