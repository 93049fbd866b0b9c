import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database in which no migration has run, on the server of this test run. */
export interface EmptyDatabase {
  name: string;
  url: string;
  owner: pg.Pool;
  /** A login of this server for the database, with such attributes; away with it. */
  createLogin(attributes: string): Promise<{ url: string }>;
  drop(): Promise<void>;
}

export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('TEST_POSTGRES_URL is missing: this test belongs to a project with globalSetup');
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  const name = `empty_${randomBytes(6).toString('hex')}`;
  await admin.query(`create database ${name}`);
  const url = server.replace(/\/postgres$/, `/${name}`);
  const owner = new pg.Pool({ connectionString: url, max: 2 });
  owner.on('error', () => undefined);
  const logins: string[] = [];
  return {
    name,
    url,
    owner,
    async createLogin(attributes) {
      const login = `login_${randomBytes(6).toString('hex')}`;
      const password = randomBytes(12).toString('hex');
      await admin.query(`create role ${login} login ${attributes} password '${password}'`);
      logins.push(login);
      const as = new URL(url);
      as.username = login;
      as.password = password;
      return { url: as.href };
    },
    async drop() {
      await owner.end();
      await admin.query(`drop database ${name} with (force)`);
      for (const login of logins) await admin.query(`drop role ${login}`);
      await admin.end();
    },
  };
}
