/** From what happened to the message about it: the sandbox, a real mail server, and the providers' failures. */
import { simpleParser } from 'mailparser';
import { Database } from '../../../src/platform/database/index.js';
import { Events } from '../../../src/platform/events/index.js';
import { JobQueue } from '../../../src/platform/queue/index.js';
import { type MailServer, startMailServer } from '../../support/stand-in-servers.js';
import { createNotifiedApp, eventually, type NotifiedApp, NotYet } from './notified-app.js';

describe('the end of a job', () => {
  let app: NotifiedApp;
  beforeAll(async () => {
    app = await createNotifiedApp();
  });
  afterAll(() => app.close());

  it('is told to who made it, once, with the trace of the decision', async () => {
    const jobId = await app.runJob();
    const [mail] = await eventually('the mail is there', async () => {
      const mails = await app.mails('member@a.test');
      return mails.length === 1 ? mails : new NotYet(mails);
    });
    expect(mail).toMatchObject({ to: 'member@a.test', subject: 'Done: the job test.end' });
    expect(mail!.message.text).toContain(`/api/v2/jobs/${jobId}`);
    expect(mail!.message.text).toContain(`Its dataset is ${jobId}`);
    const [delivery, ...others] = await app.deliveries();
    expect(others).toEqual([]);
    await app.delivered((delivery as unknown as { event_id: string }).event_id, 'sent');
    expect((await app.deliveries())[0]).toMatchObject({
      recipient: `user:${app.users.Member}`,
      channel: 'email',
      provider: 'sandbox',
      decision: 'send',
      reason: null,
      attempts: 1,
      trace: '2o=on 4 5b=on 6 9 10 11',
      subject: 'Done: the job test.end',
      event_type: 'job.completed',
    });
    const { rows } = await app.db.owner.query(`select type, data, subject_type, subject_id, user_id from events`);
    expect(rows).toEqual([
      {
        type: 'job.completed',
        data: { jobId, jobType: 'test.end', status: 'completed', attempts: 1, datasetId: jobId },
        subject_type: 'dataset',
        subject_id: jobId,
        user_id: app.users.Member,
      },
    ]);
  });

  it('is told as failed, with the reason, which stays text whatever it contains', async () => {
    await app.runJob({ failWith: 'row 7: <script>alert(1)</script>\r\nBcc: all@example.com' });
    const mail = await eventually('the mail is there', async () => {
      const found = (await app.mails('member@a.test')).find(({ subject }) => subject.startsWith('Failed'));
      return found ?? new NotYet('no mail');
    });
    expect(mail.subject).toBe('Failed: the job test.end');
    expect(mail.message.text).toContain('What went wrong: row 7: <script>alert(1)</script> Bcc: all@example.com');
    expect(mail.message.html).toContain('&lt;script&gt;');
    expect(mail.message.html).not.toContain('<script>');
  });

  it('is told to the administrators where nobody of the organisation made it', async () => {
    await app.runJob({}, null);
    await app.runJob({}, 'OtherMember');
    await eventually('both mails are there', async () => {
      const mails = await app.mails('admin@a.test');
      return mails.length === 2 || new NotYet(mails);
    });
    expect(await app.mails('member@b.test')).toEqual([]);
  });

  it('raises nothing for the messages themselves, so that nothing recurs', async () => {
    const { rows } = await app.db.owner.query(`select distinct data ->> 'jobType' as type from events`);
    expect(rows).toEqual([{ type: 'test.end' }]);
  });

  it('is seen in the mailbox by its own organisation only', async () => {
    const own = await app.as('OrgAdmin').request('GET', '/api/organization/mailbox?channel=email&limit=2');
    expect(own.body.messages).toHaveLength(2);
    expect(own.body.total).toBe(4);
    expect(own.body.messages[0].createdAt >= own.body.messages[1].createdAt).toBe(true);
    const other = await app.as('OtherOrgAdmin').request('GET', '/api/organization/mailbox');
    expect(other.body).toEqual({ messages: [], total: 0 });
    expect((await app.as('SystemAdmin').request('GET', '/api/system/mailbox?channel=pigeon')).status).toBe(400);
  });
});

describe('events', () => {
  let app: NotifiedApp;
  beforeAll(async () => {
    app = await createNotifiedApp();
  });
  afterAll(() => app.close());

  it('are not told where the transaction in which they happened is rolled back', async () => {
    const { A } = app.organizations;
    const work = app.app.get(Database).withOrganization(A, async (tx) => {
      await app.app.get(Events).raise(tx, { organizationId: A, type: 'job.completed', severity: 'info', data: {} });
      throw new Error('thought better of it');
    });
    await expect(work).rejects.toThrow('thought better of it');
    const { rows } = await app.db.owner.query(
      `select (select count(*) from events)::int + (select count(*) from background_jobs)::int as n`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('make no second delivery when their plan runs again', async () => {
    const event = await app.raise();
    await app.delivered(event, 'sent');
    await app.db.owner.query(`update events set planned_at = null where id = $1`, [event]); // as if the first run had been lost before it was marked
    const { A } = app.organizations;
    const job = {
      organizationId: A,
      jobType: 'notifications.plan',
      queue: 'notifications',
      payload: { eventIds: [event] },
    };
    await app.app.get(Database).withOrganization(A, (tx) => app.app.get(JobQueue).enqueue(tx, job));
    await eventually('it is planned again', async () => {
      const { rows } = await app.db.owner.query(`select planned_at from events where id = $1`, [event]);
      return rows[0].planned_at ?? new NotYet('planned');
    });
    expect((await app.delivered(event, 'sent')).attempts).toBe(1);
    expect(await app.mails()).toHaveLength(1);
  });

  it('are dropped with the reason where the user does not want them, or nobody has asked for them', async () => {
    const setPreferences = (preferences: object) =>
      app.db.owner.query(`update users set notification_preferences = $1 where id = $2`, [
        preferences,
        app.users.Member,
      ]);
    await setPreferences({ events: { 'job.completed': { email: false } } });
    const unwanted = await app.delivered(await app.raise(), 'dropped');
    expect(unwanted).toMatchObject({ decision: 'drop', reason: 'preference_off', trace: '2o=on 4 5u=off' });
    await setPreferences({});
    const late = await app.delivered(await app.raise({ expiresAt: new Date(Date.now() - 1) }), 'dropped');
    expect(late.reason).toBe('expired');
    await app.changeSettings({ triggers: { 'job.completed': ['sms'] } });
    const off = await app.delivered(await app.raise(), 'dropped');
    expect(off).toMatchObject({ channel: 'sms', reason: 'channel_unavailable', trace: '2o=off' });
    await app.changeSettings({ triggers: { 'job.completed': ['email'] } });
  });
});

describe('a real mail server', () => {
  let app: NotifiedApp;
  let server: MailServer;
  beforeAll(async () => {
    server = await startMailServer();
    app = await createNotifiedApp({
      environment: { SMTP_URL: `smtp://127.0.0.1:${server.port}`, MAIL_FROM: 'Carillon <bell@carillon.test>' },
    });
  });
  afterAll(async () => {
    await app.close();
    await server.close();
  });

  it('receives the mail with its headers', async () => {
    const delivery = await app.delivered(await app.raise({ data: { jobId: 'j1', jobType: 'dataset.import' } }), 'sent');
    expect(server.messages).toHaveLength(1);
    const mail = await simpleParser(server.messages[0]!.raw);
    expect(mail.from!.value).toEqual([{ address: 'bell@carillon.test', name: 'Carillon' }]);
    expect(mail.subject).toBe('Done: the import of a dataset');
    expect(mail.messageId).toBe(`<${delivery.id}@localhost>`);
    expect(delivery).toMatchObject({
      provider: 'smtp',
      provider_message_id: `<${delivery.id}@localhost>`,
      address: 'member@a.test',
    });
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(await app.mails()).toEqual([]);
  });

  it('refuses an address for good: failed, of class recipient, and never again', async () => {
    server.failNext('recipient', '550 5.1.1 no such mailbox');
    const delivery = await app.delivered(await app.raise(), 'failed');
    expect(delivery).toMatchObject({ error_class: 'recipient', attempts: 1 });
    expect(delivery.error).toContain('no such mailbox');
    const job = await eventually('its job has ended', async () => {
      const { rows } = await app.db.owner.query(
        `select status, error_code from background_jobs where subject_id = $1 and completed_at is not null`,
        [delivery.id],
      );
      return rows.length === 1 ? rows[0] : new NotYet(rows);
    });
    expect(job).toEqual({ status: 'failed', error_code: 'recipient' });
  });

  it('is busy: the engine tries again, with the same Message-ID', async () => {
    const before = server.messages.length;
    server.failNext('recipient', '451 4.7.1 greylisted');
    const delivery = await app.delivered(await app.raise(), 'sent');
    expect(delivery).toMatchObject({ attempts: 2, error: null, error_class: null });
    expect(server.messages.slice(before).map(({ raw }) => /^Message-ID: <(.*?)@/im.exec(raw)![1])).toEqual([
      delivery.id,
    ]);
  });

  it('hangs up with the message in its hands: ambiguous, and never sent again blindly', async () => {
    const before = server.messages.length;
    server.failNext('hang up');
    const delivery = await app.delivered(await app.raise(), 'ambiguous');
    expect(delivery).toMatchObject({ attempts: 1, error_class: 'ambiguous' });
    expect(server.messages).toHaveLength(before);
  });

  it('is not asked again for a delivery whose worker was lost while it sent', async () => {
    const before = server.messages.length;
    const event = await app.raise({ type: 'payroll.processed' }); // email alone is on
    const { rows } = await eventually('it is planned', async () => {
      const found = await app.db.owner.query(
        `select id from deliveries where event_id = $1 and channel = 'email' and state = 'sent'`,
        [event],
      );
      return found.rows.length === 1 ? found : new NotYet(found.rows);
    });
    const { id } = rows[0];
    await app.db.owner.query(`update deliveries set state = 'sending' where id = $1`, [id]); // as a killed worker leaves it
    const { A } = app.organizations;
    const job = {
      organizationId: A,
      jobType: 'notifications.deliver',
      queue: 'notifications',
      payload: { deliveryId: id },
    };
    await app.app.get(Database).withOrganization(A, (tx) => app.app.get(JobQueue).enqueue(tx, job));
    await eventually('it is ambiguous', async () => {
      const found = await app.db.owner.query(`select state from deliveries where id = $1`, [id]);
      return found.rows[0].state === 'ambiguous' || new NotYet(found.rows);
    });
    expect(server.messages).toHaveLength(before + 1);
  });
});
