import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import {
  killAll,
  removeFolders,
  startCarillon,
  temporaryFolder,
  untilListening,
} from '../../support/carillon-process.js';
import { eventually } from '../../support/eventually.js';
import { type HttpSession, signIn } from '../../support/http-session.js';
import { orders } from '../../support/sample-files.js';

const administrator = { ADMIN_EMAIL: 'admin@example.test', ADMIN_PASSWORD: 'a long enough password' };

// whole processes, embedded databases included, on a machine that may be busy
jest.setTimeout(120_000);

describe('a newcomer', () => {
  afterEach(async () => {
    await killAll();
    await removeFolders();
  });

  async function start(env: Record<string, string> = {}) {
    const carillon = startCarillon(['start'], { env: { DATA_DIR: temporaryFolder(), ...administrator, ...env } });
    const url = await untilListening(carillon);
    return { carillon, session: await signIn(url, administrator.ADMIN_EMAIL, administrator.ADMIN_PASSWORD) };
  }

  it('uploads 50,000 rows, sees progress rise to 100, reads the rows and finds the message in the mailbox', async () => {
    const { carillon, session } = await start();
    const job = await session.upload('orders.csv', orders(50_000));
    const { seen, finished } = await watch(session, job.id);

    expect(finished).toMatchObject({ status: 'completed', progress: 100 });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(new Set(seen).size).toBeGreaterThan(3);
    const { rows, total } = await session.get(`/api/v2/datasets/${finished.relatedDatasetId}/rows?limit=2`);
    expect(total).toBe(50_000);
    expect(JSON.stringify(rows[0])).toContain('Customer 1, Inc.');

    const message = await eventually(async () => {
      const { messages } = await session.get('/api/system/mailbox?channel=email&to=admin@example.test');
      return messages.find((mail: object) => JSON.stringify(mail).includes(job.id));
    });
    expect(message).toBeDefined();

    carillon.kill('SIGTERM');
    expect(await carillon.ended).toEqual({ code: 0, signal: null });
  });

  it('with a mail server configured receives the mail for real', async () => {
    const received: ParsedMail[] = [];
    const smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _session, done) => {
        simpleParser(stream).then((mail) => {
          received.push(mail);
          done();
        }, done);
      },
    });
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = smtp.server.address() as AddressInfo;
      const { session } = await start({
        SMTP_URL: `smtp://127.0.0.1:${port}`,
        MAIL_FROM: 'Carillon <bells@example.test>',
      });
      await session.upload('orders.csv', orders(100));
      const mail = await eventually(async () => received[0]);
      expect(mail).toMatchObject({
        from: { text: '"Carillon" <bells@example.test>' },
        to: { text: 'admin@example.test' },
      });
      expect(mail.text).toContain('orders.csv');
    } finally {
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    }
  });
});

/** Polls the job as a client would, until it has ended. */
async function watch(session: HttpSession, jobId: string) {
  const seen: number[] = [];
  for (;;) {
    const job = await session.get(`/api/v2/jobs/${jobId}`);
    if (job.progress !== seen.at(-1)) seen.push(job.progress);
    if (job.status !== 'running') return { seen, finished: job };
    await delay(10);
  }
}
