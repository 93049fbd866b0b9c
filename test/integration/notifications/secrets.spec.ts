/** Canaries: the secrets of an organisation's providers are found nowhere in clear, whatever happens to them. */
import { randomBytes } from 'node:crypto';
import { createLogger, NestLogger } from '../../../src/platform/logging/index.js';
import { startMailServer, startWebServer } from '../../support/stand-in-servers.js';
import { createNotifiedApp, eventually, NotYet } from './notified-app.js';

it('keeps SMTP password, Slack URL and Twilio token out of answers, log lines and every column of every table', async () => {
  const password = `canary-${randomBytes(12).toString('hex')}`;
  const slackKey = randomBytes(12).toString('hex');
  const authToken = randomBytes(16).toString('hex');
  const written: string[] = [];
  // the stand-in repeats the password it refuses, as bad servers do
  const mail = await startMailServer({ password: 'another one' });
  const slack = await startWebServer(() => ({ status: 200, body: 'ok' }));
  const app = await createNotifiedApp();
  const write = (line: string) => void written.push(line);
  app.app.useLogger(new NestLogger(createLogger({ logLevel: 'trace' }, { write })));
  const answers: string[] = [];
  const call = async (method: string, path: string, body?: object) => {
    const answer = await app.as('OrgAdmin').request(method, `/api/organization/${path}`, { body });
    answers.push(JSON.stringify(answer.body) + JSON.stringify([...answer.headers]));
    return answer;
  };
  try {
    await call('PUT', 'notification-settings', {
      smtp: { host: '127.0.0.1', port: mail.port, username: 'ops', password },
      slackWebhookUrl: `https://hooks.slack.com/services/T0/B0/${slackKey}`,
      slackEnabled: true,
      smsEnabled: true,
      twilio: { accountSid: `AC${'1'.repeat(32)}`, authToken },
      triggers: { 'job.failed': ['email', 'slack'] },
    });
    await app.db.owner.query(
      `update channel_settings set settings = settings || $1 where provider in ('webhook', 'twilio')`,
      [{ endpoint: slack.url }],
    );
    expect((await call('POST', 'notification-settings/test-email', {})).body).toMatchObject({
      success: false,
      error: expect.stringContaining('no such login: [secret]'),
    });
    slack.answerNext({ status: 403, body: `forbidden: /services/T0/B0/${slackKey}` });
    expect((await call('POST', 'notification-settings/test-slack', {})).body.error).toBe(
      'Slack answered 403: forbidden: [secret]',
    );
    slack.answerNext({ status: 401, body: JSON.stringify({ code: 20003, message: `bad token ${authToken}` }) });
    expect((await call('POST', 'notification-settings/test-sms', { phoneNumber: '+4915112345678' })).body.error).toBe(
      'bad token [secret]',
    );
    await app.runJob({ failWith: 'on purpose' });
    await eventually('both deliveries have ended', async () => {
      const ended = (await app.deliveries()).filter(
        ({ event_type: type, state }) => type === 'job.failed' && ['sent', 'failed'].includes(state),
      );
      return ended.length === 2 || new NotYet(await app.deliveries());
    });
    await call('GET', 'notification-settings');
    await call('GET', 'mailbox');
    await call('PUT', 'notification-settings', { smtp: { host: 'elsewhere.example' } });
    const rows = await everyRow(app.db.owner);
    expect(rows.length).toBeGreaterThan(20);
    for (const secret of [password, slackKey, authToken]) {
      const forms = [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')];
      for (const form of forms) {
        expect(answers.filter((text) => text.includes(form))).toEqual([]);
        expect(rows.filter((text) => text.includes(form))).toEqual([]);
        expect(written.filter((text) => text.includes(form))).toEqual([]);
      }
    }
  } finally {
    await app.close();
    await mail.close();
    await slack.close();
  }
  expect(written.filter((line) => line.includes('notification-settings/test-email')).length).toBeGreaterThan(0);
});

async function everyRow(owner: { query(sql: string): Promise<{ rows: Record<string, string>[] }> }): Promise<string[]> {
  const { rows: tables } = await owner.query(
    `select format('%I', tablename) as name from pg_tables where schemaname = 'public'`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await owner.query(`select '${name}: ' || row_to_json(t)::text as text from ${name} t`);
    texts.push(...rows.map(({ text }) => text!));
  }
  return texts;
}
