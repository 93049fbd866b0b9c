import path from 'node:path';
import type { Values } from './variables.js';

export const CONFIG = Symbol('Config');

/** Where the database is: an external one, or none, in which case the embedded one runs under `dataDir`. */
export type DatabaseAddress =
  { url: string } | { host: string; port: number; database: string; user: string; password: string | undefined };

/** What the rest of the code reads instead of the environment: deeply frozen. */
export type Config = ReturnType<typeof composeConfig>;

export function composeConfig(v: Values) {
  return deepFreeze({
    production: v.NODE_ENV === 'production',
    host: v.HOST,
    port: v.PORT,
    publicUrl: v.PUBLIC_URL ?? `http://localhost:${v.PORT}`,
    logLevel: v.LOG_LEVEL,
    trustedProxies: v.TRUSTED_PROXIES,
    shutdownGraceMs: v.SHUTDOWN_GRACE_SECONDS * 1_000,
    dataDir: path.resolve(v.DATA_DIR),
    demo: v.DEMO,
    storage: {
      driver: v.STORAGE_DRIVER,
      maxImportBytes: v.IMPORT_MAX_BYTES,
      s3: { bucket: v.S3_BUCKET ?? '', region: v.S3_REGION, endpoint: v.S3_ENDPOINT, credentials: s3Credentials(v) },
    },
    database: { address: databaseAddress(v), poolSize: v.DATABASE_POOL_SIZE },
    secrets: { jwt: v.JWT_SECRET, keys: v.SECRET_KEYS },
    administrator: { email: v.ADMIN_EMAIL ?? 'admin@carillon.local', password: v.ADMIN_PASSWORD },
    mail: { smtpUrl: v.SMTP_URL, from: v.MAIL_FROM },
    outgoing: {
      unsafe: v.OUTGOING_UNSAFE,
      httpRequest: { hosts: v.HTTP_REQUEST_ALLOWED_HOSTS, headers: v.HTTP_REQUEST_HEADERS },
    },
    worker: {
      concurrency: v.WORKER_CONCURRENCY,
      queues: v.WORKER_QUEUES,
      leaseMs: v.WORKER_LEASE_SECONDS * 1_000,
      pollMs: v.WORKER_POLL_MS,
    },
    jobs: { keepDays: keepDays(v) },
    throttle: {
      login: v.THROTTLE_LOGIN,
      settings: v.THROTTLE_SETTINGS,
      testSend: v.THROTTLE_TEST_SEND,
      jobActions: v.THROTTLE_JOB_ACTIONS,
      bulkActions: v.THROTTLE_BULK_ACTIONS,
      imports: v.THROTTLE_IMPORTS,
      exports: v.THROTTLE_EXPORTS,
      mutations: v.THROTTLE_MUTATIONS,
    },
  });
}

function keepDays(v: Values) {
  return {
    completed: v.JOBS_KEEP_COMPLETED_DAYS,
    failed: v.JOBS_KEEP_FAILED_DAYS,
    cancelled: v.JOBS_KEEP_CANCELLED_DAYS,
    hourlyStatistics: v.JOBS_KEEP_HOURLY_STATISTICS_DAYS,
    dailyStatistics: v.JOBS_KEEP_DAILY_STATISTICS_DAYS,
  };
}

function databaseAddress(v: Values): DatabaseAddress | undefined {
  if (v.DATABASE_URL) return { url: v.DATABASE_URL };
  if (!v.PGHOST) return undefined;
  return { host: v.PGHOST, port: v.PGPORT, database: v.PGDATABASE, user: v.PGUSER, password: v.PGPASSWORD };
}

function s3Credentials(v: Values) {
  if (!v.S3_ACCESS_KEY_ID || !v.S3_SECRET_ACCESS_KEY) return undefined;
  return { accessKeyId: v.S3_ACCESS_KEY_ID, secretAccessKey: v.S3_SECRET_ACCESS_KEY };
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
