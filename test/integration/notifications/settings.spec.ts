import { createTestApp, type TestApp } from '../../support/test-app.js';

const path = '/api/organization/notification-settings';

describe('notification settings', () => {
  let app: TestApp;
  const get = () => app.as('OrgAdmin').request('GET', path);
  const put = (body: object, headers: Record<string, string> = {}) =>
    app.as('OrgAdmin').request('PUT', path, { body, headers });
  beforeAll(async () => {
    app = await createTestApp();
  });
  afterAll(() => app.close());

  it('are one row with the defaults, however many read them first', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, get));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const { rows } = await app.db.owner.query(`select count(*)::int as n from notification_settings`);
    expect(rows).toEqual([{ n: 1 }]);
    expect(answers[0]!.headers.get('etag')).toBe('"1"');
    expect(answers[0]!.body).toMatchObject({
      organizationId: app.organizations.A,
      emailEnabled: true,
      emailProvider: 'sandbox',
      smsEnabled: false,
      slackEnabled: false,
      digestFrequency: 'immediate',
      quietHoursEnabled: false,
      quietHours: [],
      dndEnabled: false,
      timezone: 'UTC',
      criticalBypass: true,
      customSettings: {},
      slackWebhookUrl: { configured: false },
      smtp: null,
      channels: { email: { available: true, provider: 'sandbox', source: 'sandbox' } },
      triggers: {
        'job.completed': ['email'],
        'leave.approved': ['sms'],
        'payroll.processed': ['email', 'sms'],
        'alert.critical': ['slack'],
      },
      version: 1,
    });
  });

  it('keep every field of fifty concurrent changes', async () => {
    const types = ['employee.created', 'leave.requested', 'leave.approved', 'job.dead', 'schedule.missed'];
    const changes: object[] = [
      { emailEnabled: false },
      { emailFromAddress: 'a@a.test' },
      { emailFromName: 'A' },
      { emailReplyTo: 'r@a.test' },
      { smsEnabled: true },
      { smsFromNumber: '+4915112345678' },
      { slackEnabled: true },
      { slackChannel: '#ops' },
      { slackCriticalOnly: true },
      { digestFrequency: 'daily' },
      { digestTime: '07:30' },
      { digestWeekday: 5 },
      { digestMinute: 15 },
      { quietHoursEnabled: true },
      { quietHours: [{ start: '22:00', end: '06:00' }] },
      { timezone: 'Europe/Berlin' },
      { dndUntil: '2030-01-01T00:00:00Z' },
      { dndReason: 'moving' },
      { criticalBypass: false },
      { throttlePerHour: 9 },
      { throttleOverflow: 'digest' },
      { customSettings: { a: 1 } },
      { slackWebhookUrl: 'https://hooks.slack.com/services/T/B/aaaaaaaaaaaaaaaaaaaa' },
      { smtp: { host: 'mail.a.test', password: 'p', username: 'u' } },
      { twilio: { accountSid: `AC${'a'.repeat(32)}`, authToken: 't' } },
      ...types.map((type) => ({ triggers: { [type]: ['slack'] } })),
      ...Array.from({ length: 20 }, () => ({ dndEnabled: true })),
    ];
    expect(changes).toHaveLength(50);
    const answers = await Promise.all(changes.map((change) => put(change)));
    expect(answers.map(({ status }) => status)).toEqual(changes.map(() => 200));
    const { body } = await get();
    for (const { slackWebhookUrl, smtp, twilio, triggers, dndUntil, ...plain } of changes as Record<string, unknown>[])
      expect(body).toMatchObject(plain);
    expect(body).toMatchObject({
      dndUntil: '2030-01-01T00:00:00.000Z',
      slackWebhookUrl: { configured: true, hint: '…aaaa' },
      smtp: { host: 'mail.a.test', username: 'u', password: { configured: true } },
      twilio: { accountSid: `AC${'a'.repeat(32)}`, authToken: { configured: true } },
      triggers: { ...Object.fromEntries(types.map((type) => [type, ['slack']])), 'job.completed': ['email'] },
      version: 51,
    });
  });

  it('keep their version where nothing is changed, so that nobody else meets a 412 for it', async () => {
    const etag = (await get()).headers.get('etag')!;
    const answer = await put({}, { 'if-match': etag });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe(etag);
  });

  it('let one of two win that change the same version, and tell the other 412 with the version that is now', async () => {
    const etag = (await get()).headers.get('etag')!;
    const answers = await Promise.all([
      put({ dndReason: 'x' }, { 'if-match': etag }),
      put({ dndReason: 'y' }, { 'if-match': etag }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412]);
    const won = answers.find(({ status }) => status === 200)!;
    const lost = answers.find(({ status }) => status === 412)!;
    expect(lost.body.code).toBe('precondition_failed');
    expect((await get()).body.dndReason).toBe(won.body.dndReason);
    expect((await put({ dndReason: 'z' }, { 'if-match': won.headers.get('etag')! })).status).toBe(200);
  });

  it.each([
    ['an unknown field', { emailColour: 'red' }, '/emailColour'],
    ['an unknown field within', { smtp: { host: 'x', socketTimeoutMs: 50 } }, '/smtp/socketTimeoutMs'],
    ['a wrong type', { emailEnabled: 'yes' }, '/emailEnabled'],
    ['null where there is no null', { timezone: null }, '/timezone'],
    ['a day that is none', { quietHours: [{ days: [8], start: '22:00', end: '06:00' }] }, '/quietHours/0/days'],
    ['an unknown frequency', { digestFrequency: 'never' }, '/digestFrequency'],
  ])('refuse %s with 400 and its place', async (_, body, pointer) => {
    const answer = await put(body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((e: { pointer: string }) => e.pointer)).toContain(pointer);
  });

  it.each([
    ['an unknown zone', { timezone: 'Mars/Olympus' }, '/timezone'],
    ['an offset as zone', { timezone: '+02:00' }, '/timezone'],
    ['an empty window', { quietHours: [{ start: '22:00', end: '22:00' }] }, '/quietHours/0'],
    ['a window that is no time', { quietHours: [{ start: '25:00', end: '07:00' }] }, '/quietHours/0'],
    [
      'windows without an opening',
      {
        quietHours: [
          { start: '00:00', end: '12:00' },
          { start: '12:00', end: '00:00' },
        ],
      },
      '/quietHours',
    ],
    ['a number that is not E.164', { smsFromNumber: '0151 123' }, '/smsFromNumber'],
    ['a provider that is not registered', { emailProvider: 'pigeon' }, '/emailProvider'],
    [
      'a foreign Slack host',
      { slackWebhookUrl: 'https://hooks.slack.com.evil.example/services/x' },
      '/slackWebhookUrl',
    ],
    ['Slack without TLS', { slackWebhookUrl: 'http://hooks.slack.com/services/x' }, '/slackWebhookUrl'],
    ['a trigger of an unknown event type', { triggers: { 'tea.ready': ['email'] } }, '/triggers/tea.ready'],
    ['a trigger for an unknown channel', { triggers: { 'job.failed': ['pigeon'] } }, '/triggers/job.failed'],
    ['a trigger that is no list', { triggers: { 'job.failed': 'email' } }, '/triggers/job.failed'],
    ['a line break in the sender', { emailFromName: 'A\r\nBcc: all@example.com' }, '/emailFromName'],
    ['a line break in the address', { emailFromAddress: 'a@a.test\r\nX: y' }, '/emailFromAddress'],
    ['two reply addresses', { emailReplyTo: 'a@a.test, b@a.test' }, '/emailReplyTo'],
    ['a port that does not exist', { smtp: { host: 'mail.a.test', port: 99_999, password: null } }, '/smtp/port'],
    ['an account that is none', { twilio: { accountSid: 'AC1', authToken: 't' } }, '/twilio/accountSid'],
    ['a stored password for another host', { smtp: { host: 'evil.example' } }, '/smtp/password'],
  ])('refuse %s with 422, its place, and nothing changed', async (_, body, pointer) => {
    const before = (await get()).body;
    const answer = await put({ dndReason: 'must not be kept', ...body });
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((e: { pointer: string }) => e.pointer)).toContain(pointer);
    expect((await get()).body).toEqual(before);
  });

  it('are audited by the names of the fields, without their values', async () => {
    await put({ smtp: { host: 'other.a.test', password: 'canary-of-the-audit' }, dndReason: 'because' });
    const { rows } = await app.db.owner.query(
      `select action, details, actor_id from audit_log where action = 'notification-settings.updated' order by id desc limit 1`,
    );
    expect(rows).toEqual([
      {
        action: 'notification-settings.updated',
        details: { fields: ['dndReason', 'smtp'], version: expect.any(Number) },
        actor_id: app.users.OrgAdmin,
      },
    ]);
  });

  it('are those of its own organisation for a SystemAdmin who names none, and of the named one otherwise', async () => {
    const own = await app.as('SystemAdmin').request('GET', '/api/system/notification-settings');
    expect(own.body.organizationId).toBe(app.organizations.P);
    const headers = { 'x-organization-id': app.organizations.A };
    const named = await app.as('SystemAdmin').request('GET', '/api/system/notification-settings', { headers });
    expect(named.body).toEqual((await get()).body);
    expect((await app.as('Member').request('GET', path)).status).toBe(403);
  });
});

describe('limits', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ environment: { THROTTLE_SETTINGS: '20', THROTTLE_TEST_SEND: '5' } });
  });
  afterAll(() => app.close());

  it('refuse the 21st change and the 6th test message of a minute, saying when to come back', async () => {
    const statuses = async (times: number, call: () => Promise<{ status: number }>) => {
      const seen: number[] = [];
      for (let i = 0; i < times; i++) seen.push((await call()).status);
      return seen;
    };
    const put = () => app.as('OrgAdmin').request('PUT', path, { body: { dndEnabled: false } });
    expect(await statuses(20, put)).toEqual(Array.from({ length: 20 }, () => 200));
    const refused = await put();
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const test = () => app.as('OrgAdmin').request('POST', `${path}/test-email`, { body: {} });
    expect(await statuses(6, test)).toEqual([200, 200, 200, 200, 200, 429]);
  });
});
