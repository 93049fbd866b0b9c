/** Every built-in provider passes the conformance suite against a stand-in, and what is particular to each. */
import {
  conformance,
  createSandbox,
  createSmtp,
  email,
  type Failure,
  type Provider,
  type SandboxMessage,
  slack,
  slackWebhook,
  sms,
  type StandIn,
  twilioSms,
} from '@carillon/notification-channels';
import { simpleParser } from 'mailparser';
import {
  freePort,
  type MailServer,
  startMailServer,
  startWebServer,
  type WebServer,
} from '../../support/stand-in-servers.js';

const content = {
  subject: 'Import of staff.csv is done',
  paragraphs: ['1,200 rows & no <b>errors</b>', 'Second line'],
  link: { label: 'See it', url: 'https://carillon.example/jobs/1?a=1&b=2' },
};
const envelope = {
  deliveryId: '0190a0a0-0000-7000-8000-000000000001',
  from: 'carillon@example.com',
  fromName: 'Carillon',
  domain: 'carillon.example',
};
const signal = new AbortController().signal;
const send = <S, M>(provider: Provider<S, M>, settings: unknown, message: M) =>
  provider.send(message, provider.settings.parse(settings), { idempotencyKey: envelope.deliveryId, signal });

async function failureOf<S, M>(provider: Provider<S, M>, settings: unknown, message: M): Promise<Failure> {
  const error: unknown = await send(provider, settings, message).then(
    () => new Error('it was expected to fail'),
    (e: unknown) => e,
  );
  return provider.classify(error);
}

function conforms(provider: () => Provider, standIn: () => StandIn, names: readonly string[]): void {
  it.each(names)('%s', async (name) => {
    const found = conformance(provider(), standIn()).filter((c) => c.name.startsWith(name));
    expect(found).toHaveLength(1);
    await found[0]!.run();
  });
  it('has no promise that is not named here', () => {
    const cases = conformance(provider(), standIn()).map((c) => c.name);
    expect(cases.filter((name) => !names.some((prefix) => name.startsWith(prefix)))).toEqual([]);
  });
}
const basics = [
  'has a name',
  'takes sound settings',
  'classifies whatever',
  'delivers the message once',
  'sends nothing once',
];
const failsAs = (...classes: string[]) => classes.map((c) => `classifies a failure as ${c}`);

describe('smtp', () => {
  const password = 'correct-horse-battery';
  let server: MailServer;
  let smtp: ReturnType<typeof createSmtp>;
  const settings = () => ({ host: '127.0.0.1', port: server.port, username: 'ops', password, socketTimeoutMs: 2_000 });
  const message = () => email.render(content, { ...envelope, to: 'nina@example.com' });
  beforeAll(async () => {
    server = await startMailServer({ password });
    smtp = createSmtp();
  });
  afterAll(async () => {
    await smtp.close!();
    await server.close();
  });

  conforms(
    () => smtp,
    () => ({
      settings: settings(),
      badSettings: [
        {},
        { host: 'a b' },
        { host: 'x', port: 70_000 },
        { host: 'x', password: 'p' },
        { host: 'x', username: 'a\r\nb' },
      ],
      message: message(),
      received: () => server.messages.map(({ raw }) => raw),
      words: 'Second line',
      failures: {
        recipient: () => server.failNext('recipient', '550 no such mailbox'),
        message: () => server.failNext('body', '554 looks like spam'),
        transient: () => server.failNext('recipient', '451 greylisted, come back'),
        ambiguous: () => server.failNext('hang up'),
      },
    }),
    [...basics, ...failsAs('recipient', 'message', 'transient', 'ambiguous')],
  );

  it('delivers headers, plain text and HTML of the same content, and the same Message-ID each time', async () => {
    const { messageId } = await send(smtp, settings(), message());
    const mail = await simpleParser(server.messages.at(-1)!.raw);
    expect(messageId).toBe(`<${envelope.deliveryId}@carillon.example>`);
    expect(mail.messageId).toBe(messageId);
    expect(message().messageId).toBe(messageId);
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail.from!.value).toEqual([{ address: 'carillon@example.com', name: 'Carillon' }]);
    expect(mail.subject).toBe(content.subject);
    expect(mail.text).toContain('1,200 rows & no <b>errors</b>');
    expect(mail.html).toContain('1,200 rows &amp; no &lt;b&gt;errors&lt;/b&gt;');
    expect(mail.html).toContain('href="https://carillon.example/jobs/1?a=1&amp;b=2"');
    expect(server.messages.at(-1)).toMatchObject({
      from: 'carillon@example.com',
      to: ['nina@example.com'],
      user: 'ops',
    });
  });

  it.each([
    ['recipient', '550 5.1.1 no such mailbox', 'recipient'],
    ['recipient', '550 5.7.1 not from you', 'message'],
    ['recipient', '553 5.1.3 bad address', 'recipient'],
    ['recipient', '552 5.2.2 mailbox full', 'message'],
    ['recipient', '421 4.7.0 too many connections', 'transient'],
    ['recipient', '452 4.2.2 mailbox full for now', 'transient'],
    ['body', '550 5.1.1 no such mailbox', 'recipient'],
    ['body', '550 content rejected', 'message'],
    ['body', '451 4.3.0 queue is full', 'transient'],
    ['recipient', '530 5.7.0 log in first', 'config'],
  ] as const)('takes %s refused with "%s" for %s', async (stage, reply, expected) => {
    await smtp.close!(); // a kept connection that is dropped is no failure: the message goes over another
    server.failNext(stage, reply);
    const failure = await failureOf(smtp, settings(), message());
    expect(failure.class).toBe(expected);
    expect(failure.message).toContain(reply.slice(4));
  });

  it('takes a refused login for config, and a server that is not there for transient', async () => {
    const wrong = { ...settings(), password: 'wrong-password-0' };
    expect((await failureOf(smtp, wrong, message())).class).toBe('config');
    const gone = { ...settings(), port: await freePort() };
    expect(await failureOf(smtp, gone, message())).toEqual({
      class: 'transient',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await expect(smtp.verify!(smtp.settings.parse(wrong))).rejects.toThrow('5.7.8');
    await expect(smtp.verify!(smtp.settings.parse(settings()))).resolves.toBeUndefined();
  });

  it('gives up on a server that takes the connection and says nothing', async () => {
    const silent = await startWebServer(() => ({ status: 200, body: '' }));
    const mute = { host: '127.0.0.1', port: silent.port, greetingTimeoutMs: 150, socketTimeoutMs: 300 };
    expect((await failureOf(smtp, mute, message())).class).toBe('transient');
    await silent.close();
  });

  it('refuses a certificate that nobody vouches for where TLS is required, and takes it where it is a favour', async () => {
    const own = await startMailServer({ hideSTARTTLS: false }); // smtp-server's own self-signed certificate
    const base = { host: '127.0.0.1', port: own.port };
    expect((await failureOf(smtp, { ...base, security: 'starttls' }, message())).class).toBe('config');
    await send(smtp, base, message());
    expect(own.messages).toHaveLength(1);
    await smtp.close!();
    await own.close();
  });

  it('goes over a fresh connection where a kept one was dropped before the message was on its way', async () => {
    await send(smtp, settings(), message());
    const before = server.messages.length;
    server.failNext('recipient', '421 4.4.2 idle for too long');
    await send(smtp, settings(), message());
    expect(server.messages).toHaveLength(before + 1);
  });

  it('sends twenty at once over five connections, each once', async () => {
    const before = server.messages.length;
    const sends = Array.from({ length: 20 }, (_, i) =>
      send(smtp, settings(), email.render(content, { ...envelope, deliveryId: `d${i}`, to: 'nina@example.com' })),
    );
    await Promise.all(sends);
    const ids = server.messages.slice(before).map(({ raw }) => /^Message-ID: (.*)$/im.exec(raw)?.[1]);
    expect(new Set(ids).size).toBe(20);
  });
});

describe('twilio', () => {
  const authToken = 'f0e1d2c3b4a5968778695a4b3c2d1e0f';
  const accountSid = `AC${'0'.repeat(32)}`;
  let server: WebServer;
  const settings = () => ({ accountSid, authToken, endpoint: server.url, timeoutMs: 2_000 });
  const message = sms.render(content, { ...envelope, to: '+4915112345678', from: '+15005550006' });
  const refusal = (status: number, code: number, text: string) => () =>
    server.answerNext({ status, body: JSON.stringify({ code, message: text, status }) });
  beforeAll(async () => {
    server = await startWebServer(() => ({
      status: 201,
      body: JSON.stringify({ sid: `SM${'1'.repeat(32)}`, status: 'queued' }),
    }));
  });
  afterAll(() => server.close());

  conforms(
    () => twilioSms,
    () => ({
      settings: settings(),
      badSettings: [{}, { accountSid: 'AC1', authToken }, { accountSid, authToken: '' }],
      message,
      received: () => server.requests.map(({ body }) => decodeURIComponent(body)),
      words: '1,200 rows',
      failures: {
        recipient: refusal(400, 21211, "The 'To' number is not a valid phone number."),
        message: refusal(400, 21617, 'The concatenated message body exceeds the 1600 character limit'),
        config: refusal(401, 20003, 'Authenticate'),
        rate_limited: refusal(429, 20429, 'Too Many Requests'),
        transient: refusal(503, 20503, 'Service unavailable'),
        ambiguous: () => server.answerNext(null),
      },
    }),
    [...basics, ...failsAs('recipient', 'message', 'config', 'rate_limited', 'transient', 'ambiguous')],
  );

  it('asks as the API wants to be asked, and keeps what Retry-After said', async () => {
    const receipt = await send(twilioSms, settings(), message);
    expect(receipt.messageId).toBe(`SM${'1'.repeat(32)}`);
    const { method, path, headers, body } = server.requests.at(-1)!;
    expect(`${method} ${path}`).toBe(`POST /2010-04-01/Accounts/${accountSid}/Messages.json`);
    expect(headers.authorization).toBe(`Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`);
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      To: '+4915112345678',
      From: '+15005550006',
      Body: message.text,
    });
    server.answerNext({ status: 429, body: '{"code":20429}', headers: { 'retry-after': '7' } });
    expect((await failureOf(twilioSms, settings(), message)).retryAfterMs).toBe(7_000);
  });

  it('takes STOP for the recipient, a number that is not ours for config, and a closed port for transient', async () => {
    refusal(400, 21610, 'Attempt to send to unsubscribed recipient')();
    expect((await failureOf(twilioSms, settings(), message)).class).toBe('recipient');
    refusal(400, 21606, "The 'From' phone number is not valid")();
    expect((await failureOf(twilioSms, settings(), message)).class).toBe('config');
    const gone = { ...settings(), endpoint: `http://127.0.0.1:${await freePort()}` };
    expect((await failureOf(twilioSms, gone, message)).class).toBe('transient');
  });
});

describe('slack', () => {
  const webhookUrl = 'https://hooks.slack.com/services/T000/B000/secretsecretsecret';
  let server: WebServer;
  const settings = () => ({ webhookUrl, endpoint: server.url, timeoutMs: 2_000 });
  const message = slack.render(content, { ...envelope, to: '#ops' });
  const answer = (status: number, body: string, headers?: Record<string, string>) => () =>
    server.answerNext({ status, body, ...(headers && { headers }) });
  beforeAll(async () => {
    server = await startWebServer(() => ({ status: 200, body: 'ok' }));
  });
  afterAll(() => server.close());

  conforms(
    () => slackWebhook,
    () => ({
      settings: settings(),
      badSettings: [
        {},
        { webhookUrl: 'http://hooks.slack.com/services/x' },
        { webhookUrl: 'https://hooks.slack.com.evil.example/services/x' },
        { webhookUrl: 'https://hooks.slack.com@evil.example/services/x' },
        { webhookUrl: 'https://hooks.slack.com:8443/services/x' },
        { webhookUrl: 'https://127.0.0.1/services/x' },
      ],
      message,
      received: () => server.requests.map(({ body }) => body),
      words: 'Second line',
      failures: {
        message: answer(400, 'invalid_payload'),
        config: answer(404, 'no_service'),
        rate_limited: answer(429, 'rate_limited', { 'retry-after': '3' }),
        transient: answer(500, 'rollup_error'),
        ambiguous: () => server.answerNext(null),
      },
    }),
    [...basics, ...failsAs('message', 'config', 'rate_limited', 'transient', 'ambiguous')],
  );

  it('posts to the path of the webhook, and keeps what Retry-After said', async () => {
    await send(slackWebhook, settings(), message);
    expect(server.requests.at(-1)!.path).toBe('/services/T000/B000/secretsecretsecret');
    answer(429, 'rate_limited', { 'retry-after': '3' })();
    expect((await failureOf(slackWebhook, settings(), message)).retryAfterMs).toBe(3_000);
    const gone = { ...settings(), endpoint: `http://127.0.0.1:${await freePort()}` };
    expect((await failureOf(slackWebhook, gone, message)).class).toBe('transient');
  });
});

describe('sandbox', () => {
  const kept = new Map<string, SandboxMessage>();
  const sandbox = createSandbox('email', { store: async (m) => void kept.set(m.key, m) });
  conforms(
    () => sandbox,
    () => ({
      settings: { organizationId: '0190a0a0-0000-7000-8000-000000000000' },
      badSettings: [{}, { organizationId: 'x' }],
      message: email.render(content, { ...envelope, to: 'nina@example.com' }),
      received: () => [...kept.values()].map((m) => JSON.stringify(m)),
      words: 'Second line',
      failures: {},
    }),
    [...basics, 'delivers once what is sent twice'],
  );
});
