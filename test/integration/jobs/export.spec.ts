import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Database } from '../../../src/platform/database/index.js';
import { eventually } from '../../support/eventually.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { seedJob } from './seeded-jobs.js';

const system = '/api/system/background-jobs/export.csv';
const ofOrganization = '/api/organization/background-jobs/export.csv';

describe('the export of jobs', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await createTestApp({ environment: { THROTTLE_EXPORTS: '30' } });
  });
  afterAll(() => app.close());
  beforeEach(() => app.db.owner.query(`truncate background_jobs cascade`));

  const csv = async (path: string, person: 'OrgAdmin' | 'SystemAdmin' = 'OrgAdmin') => {
    const { status, body, headers } = await app.as(person).request<string>('GET', path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toBe('attachment; filename="jobs.csv"');
    const [header, ...lines] = body.split('\r\n');
    expect(lines.pop()).toBe('');
    return { header: header!.replace('\ufeff', '').split(','), lines };
  };

  it('writes a header and a line for each job, times in UTC, empty cells for what is not', async () => {
    const id = await seedJob(app, { jobType: 'report', tags: ['a', 'b'], priority: -1, age: 60_000 });
    const { header, lines } = await csv(ofOrganization);
    expect(lines).toHaveLength(1);
    const cells = Object.fromEntries(header.map((name, i) => [name, lines[0]!.split(',')[i]]));
    expect(cells).toMatchObject({
      id,
      organizationId: app.organizations.A,
      jobType: 'report',
      status: 'completed',
      priority: '-1',
      tags: 'a b',
      errorCode: '',
      nextRetryAt: '',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(header).not.toContain('payload');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', 'x\r=1', '=HYPERLINK("http://x","y")'])(
    'lets no spreadsheet run %j',
    async (text) => {
      await seedJob(app, { status: 'failed', errorMessage: text });
      const { body } = await app.as('OrgAdmin').request<string>('GET', ofOrganization);
      const quoted = text.replaceAll('"', '""');
      const safe = text.startsWith('x') ? quoted : `'${quoted}`;
      expect(body).toContain(/["\r,]/.test(text) ? `,"${safe}",` : `,${safe},`);
    },
  );

  it('takes the filters and the order of the list, and nobody gets jobs that the list would not show', async () => {
    const own = await seedJob(app, { status: 'failed', errorCode: 'timeout' });
    const other = await seedJob(app, { organizationId: app.organizations.B, jobType: 'theirs' });
    const newest = await seedJob(app, {});
    const idsOf = ({ lines }: { lines: string[] }) => lines.map((line) => line.split(',')[0]);
    expect(idsOf(await csv(ofOrganization))).toEqual([newest, own]);
    expect(idsOf(await csv(`${ofOrganization}?sort=createdAt`))).toEqual([own, newest]);
    expect(idsOf(await csv(`${ofOrganization}?errorCode=timeout`))).toEqual([own]);
    expect(idsOf(await csv(`${ofOrganization}?organizationId=${app.organizations.B}`))).toEqual([]);
    expect(idsOf(await csv(system, 'SystemAdmin'))).toEqual([newest, other, own]);
    expect(idsOf(await csv(`${system}?organizationId=${app.organizations.B}`, 'SystemAdmin'))).toEqual([other]);
    expect((await app.as('OrgAdmin').request('GET', `${ofOrganization}?limit=5`)).status).toBe(400);
    expect((await app.as('OrgAdmin').request('GET', `${ofOrganization}?status=nope`)).status).toBe(400);
  });

  describe('of a long history', () => {
    beforeEach(() =>
      app.db.owner.query(
        `insert into background_jobs (id, organization_id, queue, job_type, status, completed_at, error_message, priority)
           select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint + n), 12, '0') || '70008000' || lpad(n::text, 12, '0'))::uuid,
             $1, 'default', 'many', 'completed', now(), repeat('x', 1500), n % 12500 from generate_series(1, 25000) n`,
        [app.organizations.A],
      ),
    );

    it('writes every job once', async () => {
      const { lines } = await csv(ofOrganization);
      expect(new Set(lines.map((line) => line.split(',')[0])).size).toBe(25_000);
      expect(lines).toHaveLength(25_000);
      // rarer than one among those that are looked at by one statement
      expect((await csv(`${ofOrganization}?priority=7`)).lines).toHaveLength(2);
    });

    it('reads no further than its reader does, and stops when the reader goes', async () => {
      const pages = jest.spyOn(app.app.get(Database), 'withOrganization');
      try {
        const before = pages.mock.calls.length;
        const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
        socket.pause(); // what the two sockets take, and no more
        socket.write(
          `GET ${ofOrganization} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${await app.accessToken('OrgAdmin')}\r\n\r\n`,
        );
        await eventually(async () => pages.mock.calls.length > before || undefined);
        const stood = await standstill(() => pages.mock.calls.length);
        expect(stood - before).toBeLessThan(20); // of 25
        socket.destroy();
        const stopped = await standstill(() => pages.mock.calls.length);
        expect(stopped - stood).toBeLessThan(5);
      } finally {
        pages.mockRestore();
      }
    });
  });

  it('is limited by its own rate', async () => {
    const { headers } = await app.as('OtherOrgAdmin').request('GET', ofOrganization);
    expect(headers.get('ratelimit-policy')).toContain('30');
  });
});

/** The count once it has stayed the same for two seconds: longer than a page takes. */
async function standstill(count: () => number): Promise<number> {
  for (let seen = count(); ; seen = count()) {
    await delay(2_000);
    if (count() === seen) return seen;
  }
}
