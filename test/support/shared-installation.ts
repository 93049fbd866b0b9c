import { temporaryFolder } from './carillon-process.js';

export const administrator = { email: 'admin@example.test', password: 'a long enough password' };

/** The environment of processes that share one database, its secrets and its files; `administrator` is made by the first of them. */
export const sharedInstallation = (databaseUrl: string): Record<string, string> => ({
  DATABASE_URL: databaseUrl,
  DATA_DIR: temporaryFolder(),
  JWT_SECRET: 'a secret of the tests, long enough to sign with',
  SECRET_KEYS: `test:${Buffer.alloc(32, 'test key ').toString('base64')}`,
  ADMIN_EMAIL: administrator.email,
  ADMIN_PASSWORD: administrator.password,
});
