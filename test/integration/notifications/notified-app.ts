/** The application with its worker, a job type that ends as it is told, and eyes for what came of it. */
import { DiscardJob, type Job, type JobContext } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { Module } from '@nestjs/common';
import { IsOptional, IsString } from 'class-validator';
import { Database } from '../../../src/platform/database/index.js';
import { Events, type EventToRaise } from '../../../src/platform/events/index.js';
import { JobQueue } from '../../../src/platform/queue/index.js';
import { createTestApp, type TestApp, type TestAppOptions } from '../../support/test-app.js';
import type { Person } from '../../support/test-population.js';

class EndAsToldPayload {
  @IsOptional()
  @IsString()
  failWith?: string;
}

@JobHandler('test.end', { maxRetries: 0, payload: EndAsToldPayload })
class EndAsTold implements Job<EndAsToldPayload> {
  async run({ failWith }: EndAsToldPayload, ctx: JobContext): Promise<object> {
    ctx.setSubject('dataset', ctx.jobId);
    if (failWith) throw new DiscardJob(failWith, 'told_to');
    return {};
  }
}

@Module({ providers: [EndAsTold] })
class EndAsToldModule {}

export interface DeliveryRow {
  id: string;
  state: string;
  decision: string;
  reason: string | null;
  trace: string;
  channel: string;
  recipient: string;
  provider: string | null;
  address: string | null;
  subject: string | null;
  attempts: number;
  error: string | null;
  error_class: string | null;
  provider_message_id: string | null;
  hold_until: Date | null;
  instants: Record<string, string>;
  test: boolean;
  event_type: string;
}

export interface NotifiedApp extends TestApp {
  /** A job of organisation A, made by the Member unless by another; answers its id. */
  runJob(payload?: EndAsToldPayload, by?: Person | null): Promise<string>;
  raise(event?: Partial<EventToRaise>): Promise<string>;
  /** The deliveries of all organisations, oldest first. */
  deliveries(): Promise<DeliveryRow[]>;
  /** The one delivery of the event, once it is in the state. */
  delivered(event: string, state: string): Promise<DeliveryRow>;
  changeSettings(changes: object, by?: Person): Promise<void>;
  mails(
    to?: string,
  ): Promise<{ to: string; subject: string; message: { text: string; html: string; messageId: string } }[]>;
}

export async function createNotifiedApp(options: TestAppOptions = {}): Promise<NotifiedApp> {
  const app = await createTestApp({ worker: true, modules: [EndAsToldModule], ...options });
  const { A } = app.organizations;
  const within = <T>(work: Parameters<Database['withOrganization']>[1]) =>
    app.app.get(Database).withOrganization(A, work) as Promise<T>;
  const deliveries = async () =>
    (
      await app.db.owner.query<DeliveryRow>(
        `select d.*, e.type as event_type from deliveries d join events e on e.id = d.event_id order by d.id`,
      )
    ).rows;
  return Object.assign(app, {
    deliveries,
    runJob: (payload: EndAsToldPayload = {}, by: Person | null = 'Member') =>
      within<string>(async (tx) => {
        const createdBy = by ? { createdBy: app.users[by] } : {};
        return (
          await app.app.get(JobQueue).enqueue(tx, { organizationId: A, jobType: 'test.end', payload, ...createdBy })
        ).id;
      }),
    raise: (event: Partial<EventToRaise> = {}) =>
      within<string>(async (tx) => {
        const usual = {
          organizationId: A,
          type: 'job.completed',
          severity: 'info' as const,
          data: {},
          userId: app.users.Member,
        };
        return (await app.app.get(Events).raise(tx, { ...usual, ...event }))[0];
      }),
    delivered: (event: string, state: string) =>
      eventually(`the delivery of ${event} is ${state}`, async () => {
        const { rows } = await app.db.owner.query<DeliveryRow>(`select * from deliveries where event_id = $1`, [event]);
        return rows.length === 1 && rows[0]!.state === state ? rows[0]! : new NotYet(rows);
      }),
    async changeSettings(changes: object, by: Person = 'OrgAdmin') {
      const { status, body } = await app
        .as(by)
        .request('PUT', '/api/organization/notification-settings', { body: changes });
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
    },
    async mails(to?: string) {
      const query = to ? `?to=${encodeURIComponent(to)}` : '';
      return (await app.as('SystemAdmin').request('GET', `/api/system/mailbox${query}`)).body.messages;
    },
  });
}

/** The answer is not there yet; what was seen instead goes into the message of a test that waits in vain. */
export class NotYet {
  constructor(readonly seen: unknown) {}
}

/** Asks until the answer is there; for what a worker does in its own time. */
export async function eventually<T>(what: string, ask: () => Promise<T | NotYet>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (!(answer instanceof NotYet)) return answer;
    if (Date.now() > deadline)
      throw new Error(`waited in vain until ${what}; last seen: ${JSON.stringify(answer.seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
