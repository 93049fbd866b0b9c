/** What an administrator sends to try a channel, and how it is where none is configured. */
import { randomBytes } from 'node:crypto';
import {
  freePort,
  type MailServer,
  startMailServer,
  startWebServer,
  type WebServer,
} from '../../support/stand-in-servers.js';
import { createNotifiedApp, type NotifiedApp } from './notified-app.js';

describe('test messages', () => {
  let app: NotifiedApp;
  let server: MailServer;
  let slack: WebServer;
  const post = (route: string, body: object = {}) =>
    app.as('OrgAdmin').request('POST', `/api/organization/notification-settings/${route}`, { body });
  beforeAll(async () => {
    server = await startMailServer();
    slack = await startWebServer(() => ({ status: 200, body: 'ok' }));
    app = await createNotifiedApp({ worker: false });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
    await slack.close();
  });

  it('goes to the caller through the sandbox where nothing is configured, passing quiet hours, and stands in the log', async () => {
    await app.changeSettings({ dndEnabled: true, triggers: { 'job.completed': [] } });
    const { status, body } = await post('test-email');
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, provider: 'sandbox', messageId: expect.stringMatching(/^sandbox-/) });
    expect((await app.mails('admin@a.test'))[0]).toMatchObject({ subject: 'Test message from Carillon' });
    expect(await app.deliveries()).toEqual([
      expect.objectContaining({ test: true, state: 'sent', event_type: 'notification.test', trace: '2o=on 4 10 11' }),
    ]);
    await app.changeSettings({ dndEnabled: false });
  });

  it('goes to the reply address where there is one, or to the address that is named', async () => {
    await app.changeSettings({ emailReplyTo: 'office@a.test' });
    await post('test-email');
    await post('test-email', { email: 'nina@a.test' });
    await post('test/email', { to: 'otto@a.test' });
    const mails = await app.mails();
    expect(mails.slice(0, 3).map(({ to }) => to)).toEqual(['otto@a.test', 'nina@a.test', 'office@a.test']);
    expect((await post('test-email', { email: 'nobody' })).status).toBe(400);
    expect((await post('test/pigeon')).status).toBe(404);
  });

  it('answers in the words of the mail server that refuses it', async () => {
    await app.changeSettings({ smtp: { host: '127.0.0.1', port: server.port } });
    expect((await post('test-email')).body).toMatchObject({ success: true, provider: 'smtp' });
    server.failNext('recipient', '550 5.1.1 never heard of office');
    const { status, body } = await post('test-email');
    expect(status).toBe(200);
    expect(body).toEqual({
      success: false,
      provider: 'smtp',
      error: expect.stringContaining('550 5.1.1 never heard of office'),
    });
  });

  it('answers with the refusal of the connection where nobody listens', async () => {
    await app.changeSettings({ smtp: { host: '127.0.0.1', port: await freePort() } });
    const { body } = await post('test-email');
    expect(body).toMatchObject({ success: false, provider: 'smtp', error: expect.stringContaining('ECONNREFUSED') });
    expect((await app.deliveries()).at(-1)).toMatchObject({ state: 'failed', error_class: 'transient' });
    await app.changeSettings({ smtp: null });
    expect((await post('test-email')).body.provider).toBe('sandbox');
  });

  it('says what is missing', async () => {
    expect((await post('test-sms')).body).toEqual({
      success: false,
      provider: 'sandbox',
      error: expect.stringContaining('smsEnabled'),
    });
    await app.changeSettings({ smsEnabled: true });
    expect((await post('test-sms')).body).toEqual({
      success: false,
      provider: 'sandbox',
      error: expect.stringContaining('no address'),
    });
    expect((await post('test-sms', { phoneNumber: '0151' })).body).toMatchObject({
      success: false,
      error: expect.stringContaining('international form'),
    });
    expect((await post('test-sms', { phoneNumber: '+4915112345678' })).body).toMatchObject({
      success: true,
      provider: 'sandbox',
    });
  });

  it('posts to Slack through the webhook of the organisation', async () => {
    await app.changeSettings({
      slackEnabled: true,
      slackWebhookUrl: 'https://hooks.slack.com/services/T0/B0/canary-slack-key',
    });
    await app.db.owner.query(`update channel_settings set settings = settings || $1 where provider = 'webhook'`, [
      { endpoint: slack.url },
    ]);
    expect((await post('test-slack')).body).toMatchObject({ success: true, provider: 'webhook' });
    expect(slack.requests[0]).toMatchObject({ path: '/services/T0/B0/canary-slack-key' });
    slack.answerNext({ status: 404, body: 'no_service' });
    expect((await post('test-slack')).body).toEqual({
      success: false,
      provider: 'webhook',
      error: 'Slack answered 404: no_service',
    });
  });

  it('is audited', async () => {
    const { rows } = await app.db.owner.query(
      `select details from audit_log where action = 'notification-settings.tested' and organization_id = $1 order by id limit 1`,
      [app.organizations.A],
    );
    expect(rows).toEqual([{ details: { channel: 'email' } }]);
  });
});

describe('production', () => {
  let app: NotifiedApp;
  beforeAll(async () => {
    const key = randomBytes(32).toString('base64');
    app = await createNotifiedApp({ environment: { NODE_ENV: 'production', SECRET_KEYS: `live:${key}` } });
  });
  afterAll(() => app.close());

  it('has no sandbox: a channel is unavailable until it is configured', async () => {
    const { body } = await app.as('OrgAdmin').request('GET', '/api/organization/notification-settings');
    expect(body).toMatchObject({
      emailProvider: null,
      channels: { email: { available: false, provider: null, source: null } },
    });
    const test = await app
      .as('OrgAdmin')
      .request('POST', '/api/organization/notification-settings/test-email', { body: {} });
    expect(test.body).toEqual({ success: false, provider: null, error: 'No provider is configured for email.' });
    const delivery = await app.delivered(await app.raise(), 'dropped');
    expect(delivery).toMatchObject({ reason: 'channel_unavailable', trace: '2o=not_configured', provider: null });
    expect((await app.as('SystemAdmin').request('GET', '/api/system/mailbox')).status).toBe(404);
    await expect(app.changeSettings({ emailProvider: 'sandbox' })).rejects.toThrow('422');
  });
});
