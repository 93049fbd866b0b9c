/** What is held leaves at its time, once; and is decided anew when the settings change. */
import { HeldSweep } from '../../../src/notifications/deliveries/held-sweep.js';
import { createNotifiedApp, eventually, type NotifiedApp, NotYet } from './notified-app.js';

const hour = 3_600_000;
const clock = (instant: number) => new Date(instant).toISOString().slice(11, 16);

describe('held deliveries', () => {
  let app: NotifiedApp;
  /** Not over HTTP: tokens of another time are worth nothing. */
  const mailCount = async () => (await app.db.owner.query(`select 1 from sandbox_messages`)).rowCount;
  beforeAll(async () => {
    app = await createNotifiedApp();
  });
  afterAll(() => app.close());
  afterEach(async () => {
    await app.moveClock(0);
    await app.db.owner.query(`delete from events`); // and with them what a test has left held
    await app.changeSettings({ quietHoursEnabled: false, dndEnabled: false, dndUntil: null, criticalBypass: true });
    await app.db.owner.query(`delete from sandbox_messages`);
  });

  it('waits out the quiet hours and leaves at their end, once', async () => {
    const now = Date.now();
    await app.changeSettings({
      quietHoursEnabled: true,
      quietHours: [{ start: clock(now - hour), end: clock(now + hour) }],
    });
    const event = await app.raise();
    const held = await app.delivered(event, 'held');
    expect(held.decision).toBe('hold');
    expect(clock(held.hold_until!.getTime())).toBe(clock(now + hour));
    expect(held.trace).toBe(`2o=on 4 5b=on 6 9o=${held.hold_until!.toISOString()} 10 11`);
    await app.moveClock(0.9 * hour);
    await app.app.get(HeldSweep).runOnce();
    expect((await app.delivered(event, 'held')).hold_until).toEqual(held.hold_until);
    await app.moveClock(held.hold_until!.getTime() - Date.now() + 1_000);
    await Promise.all([app.app.get(HeldSweep).runOnce(), app.app.get(HeldSweep).runOnce()]);
    const sent = await app.delivered(event, 'sent');
    expect(sent.attempts).toBe(1);
    expect(Object.keys(sent.instants).sort()).toEqual(['held', 'planned', 'sending', 'sent']);
    expect(await mailCount()).toBe(1);
  });

  it('is planned again at its time: what has become unwanted meanwhile is dropped, what has become quiet is held on', async () => {
    const until = new Date(Date.now() + hour);
    await app.changeSettings({ dndEnabled: true, dndUntil: until.toISOString() });
    const unwanted = await app.raise();
    await app.delivered(unwanted, 'held');
    await app.db.owner.query(`update users set notification_preferences = $1 where id = $2`, [
      { events: { 'job.completed': { email: false } } },
      app.users.Member,
    ]);
    const quietToo = await app.raise({ userId: app.users.OrgAdmin });
    await app.delivered(quietToo, 'held');
    await app.db.owner.query(`update users set notification_preferences = $1 where id = $2`, [
      { dndUntil: new Date(until.getTime() + hour).toISOString() },
      app.users.OrgAdmin,
    ]);
    await app.moveClock(hour + 60_000);
    expect((await app.delivered(unwanted, 'dropped')).reason).toBe('preference_off');
    const heldOn = await eventually('it is held on', async () => {
      const delivery = await app.delivered(quietToo, 'held');
      return delivery.hold_until?.getTime() === until.getTime() + hour ? delivery : new NotYet(delivery);
    });
    expect(heldOn.trace).toContain('9u=');
    await app.db.owner.query(`update users set notification_preferences = '{}'`);
    await app.moveClock(2 * hour + 120_000);
    await app.delivered(quietToo, 'sent');
  });

  it('waits without a timer in an indefinite do-not-disturb, and leaves when it ends', async () => {
    await app.changeSettings({ dndEnabled: true });
    const event = await app.raise();
    const held = await app.delivered(event, 'held');
    expect(held).toMatchObject({ hold_until: null, trace: '2o=on 4 5b=on 6 9o=indefinite 10 11' });
    await app.moveClock(400 * 24 * hour);
    await app.app.get(HeldSweep).runOnce();
    await app.delivered(event, 'held');
    await app.moveClock(0);
    await app.changeSettings({ dndEnabled: false });
    await app.delivered(event, 'sent');
    expect(await mailCount()).toBe(1);
  });

  it('drops on a change of settings what nobody is told any more', async () => {
    await app.changeSettings({ dndEnabled: true });
    const event = await app.raise();
    await app.delivered(event, 'held');
    await app.changeSettings({ triggers: { 'job.completed': [] } });
    expect((await app.delivered(event, 'dropped')).reason).toBe('not_subscribed');
    await app.changeSettings({ triggers: { 'job.completed': ['email'] } });
  });

  it('drops what would expire while it waits', async () => {
    await app.changeSettings({ dndEnabled: true, dndUntil: new Date(Date.now() + hour).toISOString() });
    const delivery = await app.delivered(await app.raise({ expiresAt: new Date(Date.now() + hour / 2) }), 'dropped');
    expect(delivery.reason).toBe('would_expire');
  });

  it('lets a critical event pass at once, unless the organisation has that off', async () => {
    await app.changeSettings({ dndEnabled: true });
    const sent = await app.delivered(await app.raise({ severity: 'critical' }), 'sent');
    expect(sent.trace).toBe('2o=on 4 5b=on 6o=on');
    await app.changeSettings({ criticalBypass: false });
    await app.delivered(await app.raise({ severity: 'critical' }), 'held');
  });

  it('lets nothing slip between a plan and a change of settings that run at once', async () => {
    const events: string[] = [];
    for (let round = 0; round < 5; round++) {
      await app.changeSettings({ dndEnabled: true });
      const raised = Promise.all(Array.from({ length: 4 }, () => app.raise()));
      await app.changeSettings({ dndEnabled: false });
      events.push(...(await raised));
    }
    for (const event of events) await app.delivered(event, 'sent');
    expect(await mailCount()).toBe(20);
  });
});
