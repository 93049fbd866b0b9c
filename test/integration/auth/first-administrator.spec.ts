import { FirstAdministrator } from '../../../src/auth/administrator/first-administrator.js';
import type { Config } from '../../../src/platform/config/index.js';
import { Database } from '../../../src/platform/database/index.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

describe('the first start', () => {
  let db: TestDatabase;
  let printed: string[];
  const apps: TestApp[] = [];

  beforeEach(async () => {
    db = await createTestDatabase();
    printed = [];
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const app of apps.splice(0)) await app.close();
    await db.drop();
  });

  const start = async (environment: Record<string, string> = {}) => {
    const app = await createTestApp({ empty: true, database: db, environment });
    apps.push(app);
    return app;
  };
  const administrators = async () => {
    const { rows } = await db.owner.query(
      `select u.email, o.slug, m.role from users u join memberships m on m.user_id = u.id
       join organizations o on o.id = m.organization_id where u.is_system_admin`,
    );
    return rows;
  };
  const signIn = (app: TestApp, email: string, password: string) =>
    app.as('nobody').request('POST', '/api/auth/login', { body: { email, password } });

  it('makes an administrator in the platform’s own organisation and prints a password that works, once', async () => {
    const app = await start();
    expect(await administrators()).toEqual([{ email: 'admin@carillon.local', slug: 'carillon', role: 'OrgAdmin' }]);
    const password = /password {2}(\S+)/.exec(printed.join(''))![1]!;
    const { status, body } = await signIn(app, 'admin@carillon.local', password);
    expect([status, body.user.role]).toEqual([200, 'SystemAdmin']);
    printed = [];
    await start();
    expect(printed).toEqual([]);
    expect(await administrators()).toHaveLength(1);
  });

  it('takes email and password from the configuration and prints neither', async () => {
    const given = { ADMIN_EMAIL: 'boss@example.test', ADMIN_PASSWORD: 'chosen by the operator' };
    const app = await start(given);
    expect((await signIn(app, given.ADMIN_EMAIL, given.ADMIN_PASSWORD)).status).toBe(200);
    expect(printed.join('')).not.toContain(given.ADMIN_PASSWORD);
  });

  it('makes one administrator of five starts at once, and tells one password', async () => {
    const app = await start({ ADMIN_PASSWORD: 'for the application that lends its database' });
    await db.owner.query(`truncate users, organizations cascade`);
    const config = { administrator: { email: 'admin@carillon.local', password: undefined } } as Config;
    const roles = { api: true, worker: true };
    const starts = Array.from({ length: 5 }, () => new FirstAdministrator(app.app.get(Database), config, roles));
    await Promise.all(starts.map((each) => each.onApplicationBootstrap()));
    expect(await administrators()).toHaveLength(1);
    const passwords = [...printed.join('').matchAll(/password {2}(\S+)/g)];
    expect(passwords).toHaveLength(1);
    expect((await signIn(app, 'admin@carillon.local', passwords[0]![1]!)).status).toBe(200);
  });

  it('makes the account that ADMIN_EMAIL names the administrator where there is one already', async () => {
    await db.owner.query(`insert into users (id, email, name) values (gen_random_uuid(), 'Boss@example.test', 'Boss')`);
    const app = await start({ ADMIN_EMAIL: 'boss@example.test', ADMIN_PASSWORD: 'chosen by the operator' });
    expect(await administrators()).toEqual([{ email: 'Boss@example.test', slug: 'carillon', role: 'OrgAdmin' }]);
    expect((await signIn(app, 'boss@example.test', 'chosen by the operator')).status).toBe(200);
  });
});
