/** Every environment variable Carillon reads: the one schema from which loading, `.env.example` and the README's table are made. */
import { z } from 'zod';

export interface Variable<T = unknown> {
  /** Reads the text of the variable; `undefined` stands for "not set" (an empty text counts as not set). */
  schema: z.ZodType<T, string | undefined>;
  group: string;
  description: string;
  /** What the documentation shows as the default; the schema holds the real one. */
  default?: string;
  /** May also be given as `<NAME>_FILE`, never logged. */
  secret?: true;
}

const text = z.string().optional();
const withDefault = (value: string) => z.string().default(value);
const integer = (value: number, min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .default(String(value))
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
const flag = (value: 'true' | 'false') =>
  z
    .enum(['true', 'false'], 'must be true or false')
    .default(value)
    .transform((v) => v === 'true');
const list = z
  .string()
  .default('')
  .transform((v) =>
    v
      .split(',')
      .map((s) => s.trim())
      .filter(Boolean),
  );
/** Exact host names, each with a port where it is not 443; as a URL writes them, so that they can be compared. */
const hosts = list.transform((names, ctx) =>
  names.map((name) => {
    const url = URL.canParse(`https://${name}`) ? new URL(`https://${name}`) : undefined;
    if (url?.host && url.href === `https://${url.host}/` && !/[*%]/.test(name)) return url.host;
    ctx.addIssue({
      code: 'custom',
      message: `has "${name}": hosts are exact names, as in api.example.com or example.com:8443`,
    });
    return name;
  }),
);
/** JSON of host → header → value; the values are secrets, so no message shows any of it. */
const headersByHost = z
  .string()
  .default('{}')
  .transform((json, ctx): Record<string, Record<string, string>> => {
    try {
      return z.record(z.string(), z.record(z.string(), z.string())).parse(JSON.parse(json));
    } catch {
      ctx.addIssue({ code: 'custom', message: 'must be JSON: {"api.example.com": {"authorization": "Bearer …"}}' });
      return {};
    }
  });
const url = (...protocols: string[]) =>
  z
    .string()
    .refine((v) => URL.canParse(v) && protocols.includes(new URL(v).protocol.slice(0, -1)), {
      message: `must be a URL beginning with ${protocols.map((p) => `${p}://`).join(' or ')}`,
    })
    .optional();

/** `id:base64` of exactly 32 bytes; several, separated by commas, for rotation: the first encrypts, all decrypt. */
const keyRing = z
  .string()
  .optional()
  .transform((v, ctx) => {
    const keys = (v ?? '')
      .split(',')
      .filter(Boolean)
      .map((part) => {
        const [, id, material] = /^([\w-]{1,32}):([A-Za-z0-9+/=]+)$/.exec(part.trim()) ?? [];
        return { id: id ?? '', key: Buffer.from(material ?? '', 'base64') };
      });
    if (keys.some(({ id, key }) => !id || key.length !== 32)) {
      ctx.addIssue({
        code: 'custom',
        message: 'must be id:base64 of 32 bytes (openssl rand -base64 32), several by comma',
      });
    }
    return keys;
  });

const variable = <T>(
  group: string,
  description: string,
  schema: z.ZodType<T, string | undefined>,
  more: { default?: string; secret?: true } = {},
): Variable<T> => ({ group, description, schema, ...more });

export const variables = {
  NODE_ENV: variable(
    'Process',
    '`production` refuses the embedded database, generated secrets and the sandbox.',
    z.enum(['development', 'test', 'production']).default('development'),
    { default: 'development' },
  ),
  HOST: variable('Process', 'Address to listen on.', withDefault('127.0.0.1'), { default: '127.0.0.1' }),
  PORT: variable('Process', 'Port to listen on; 0 takes a free one.', integer(3000, 0, 65_535), { default: '3000' }),
  PUBLIC_URL: variable(
    'Process',
    'Where people reach this installation; links in messages begin with it.',
    url('http', 'https'),
    { default: 'http://localhost:PORT' },
  ),
  LOG_LEVEL: variable(
    'Process',
    'How much is logged: `trace`, `debug`, `info`, `warn`, `error` or `silent`.',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    { default: 'info' },
  ),
  TRUSTED_PROXIES: variable(
    'Process',
    'Addresses or networks (CIDR, by comma) whose X-Forwarded-For is believed.',
    list,
  ),
  SHUTDOWN_GRACE_SECONDS: variable(
    'Process',
    'How long running jobs may go on after SIGTERM before they are released.',
    integer(20, 0, 3_600),
    { default: '20' },
  ),

  DATA_DIR: variable(
    'Storage',
    'Folder of the embedded database, generated secrets and local files.',
    withDefault('.data'),
    { default: '.data' },
  ),
  STORAGE_DRIVER: variable(
    'Storage',
    'Where uploads and datasets are kept: `local` (under DATA_DIR) or `s3`.',
    z.enum(['local', 's3']).default('local'),
    { default: 'local' },
  ),
  S3_BUCKET: variable('Storage', 'Bucket for `s3`.', text),
  S3_REGION: variable('Storage', 'Region for `s3`.', withDefault('us-east-1'), { default: 'us-east-1' }),
  S3_ENDPOINT: variable('Storage', 'Endpoint of an S3-compatible store such as MinIO.', url('http', 'https')),
  S3_ACCESS_KEY_ID: variable('Storage', 'Access key; without one the SDK looks in its usual places.', text),
  S3_SECRET_ACCESS_KEY: variable('Storage', 'Secret of the access key.', text, { secret: true }),
  IMPORT_MAX_BYTES: variable(
    'Storage',
    'Largest file an import takes, in bytes.',
    integer(209_715_200, 1_024, 10_737_418_240),
    { default: '209715200 (200 MB)' },
  ),

  DATABASE_URL: variable(
    'Database',
    'PostgreSQL 15 or newer; its login owns the schema. Without it and without PGHOST the embedded database runs.',
    url('postgres', 'postgresql'),
    { secret: true },
  ),
  PGHOST: variable('Database', 'Instead of DATABASE_URL, the usual PG variables.', text),
  PGPORT: variable('Database', 'Port of PGHOST.', integer(5432, 1, 65_535), { default: '5432' }),
  PGDATABASE: variable('Database', 'Database at PGHOST.', withDefault('carillon'), { default: 'carillon' }),
  PGUSER: variable('Database', 'Login at PGHOST.', withDefault('carillon'), { default: 'carillon' }),
  PGPASSWORD: variable('Database', 'Password at PGHOST.', text, { secret: true }),
  DATABASE_POOL_SIZE: variable(
    'Database',
    'Connections of the request pool; the engine and the platform reader have smaller pools of their own.',
    integer(10, 2, 200),
    { default: '10' },
  ),

  JWT_SECRET: variable(
    'Secrets',
    'Signs access tokens; at least 32 characters. Generated and kept in DATA_DIR with the embedded database.',
    z.string().min(32, 'must have at least 32 characters').optional(),
    { secret: true },
  ),
  SECRET_KEYS: variable(
    'Secrets',
    'Encrypts stored credentials: `id:base64` of 32 bytes, several by comma for rotation. Generated like JWT_SECRET.',
    keyRing,
    { secret: true },
  ),
  ADMIN_EMAIL: variable(
    'Secrets',
    'Email of the administrator made at the first start.',
    z.email('must be an email address').optional(),
    { default: 'admin@carillon.local' },
  ),
  ADMIN_PASSWORD: variable(
    'Secrets',
    'Password of that administrator, 12 characters or more; without it a one-time password is printed.',
    z.string().min(12, 'must have at least 12 characters').optional(),
    { secret: true },
  ),

  SMTP_URL: variable(
    'Channels',
    'Mail server for organisations that have none of their own, `smtp://user:password@host:587`.',
    url('smtp', 'smtps'),
    { secret: true },
  ),
  MAIL_FROM: variable(
    'Channels',
    'Sender of mail where the organisation names none.',
    withDefault('Carillon <no-reply@carillon.local>'),
    { default: 'Carillon <no-reply@carillon.local>' },
  ),

  HTTP_REQUEST_ALLOWED_HOSTS: variable(
    'Outgoing calls',
    'Hosts that jobs of the type `http.request` may call, exact names by comma, with `:port` where it is not 443. Empty: none.',
    hosts,
  ),
  HTTP_REQUEST_HEADERS: variable(
    'Outgoing calls',
    'Headers those calls carry, by host: `{"api.example.com": {"authorization": "Bearer …"}}`. Credentials belong here: payloads are stored.',
    headersByHost,
    { secret: true },
  ),
  OUTGOING_UNSAFE: variable(
    'Outgoing calls',
    'Tests and trials: http:// and private addresses may be called as well. Production refuses it.',
    flag('false'),
    { default: 'false' },
  ),

  WORKER_CONCURRENCY: variable('Worker', 'Jobs that one process runs at once.', integer(10, 1, 1_000), {
    default: '10',
  }),
  WORKER_QUEUES: variable('Worker', 'Queues this process serves, by comma; empty serves all.', list),
  WORKER_LEASE_SECONDS: variable(
    'Worker',
    'A worker silent for so long has lost its jobs to the others.',
    integer(15, 2, 600),
    { default: '15' },
  ),
  WORKER_POLL_MS: variable(
    'Worker',
    'Longest wait between two looks into the queue when no wake-up arrives.',
    integer(1_000, 20, 60_000),
    { default: '1000' },
  ),
  DEMO: variable(
    'Worker',
    'Fill an empty embedded database with a demo organisation and a sample import.',
    flag('true'),
    { default: 'true' },
  ),

  JOBS_KEEP_COMPLETED_DAYS: variable(
    'History',
    'Days that a completed job is kept after its end; 0 until the next `jobs.prune`. Job types may have days of their own.',
    integer(30, 0, 36_500),
    { default: '30' },
  ),
  JOBS_KEEP_FAILED_DAYS: variable('History', 'The same of failed jobs.', integer(90, 0, 36_500), { default: '90' }),
  JOBS_KEEP_CANCELLED_DAYS: variable('History', 'The same of cancelled jobs.', integer(30, 0, 36_500), {
    default: '30',
  }),
  JOBS_KEEP_HOURLY_STATISTICS_DAYS: variable(
    'History',
    'Days for which statistics can be asked by the hour.',
    integer(14, 2, 400),
    { default: '14' },
  ),
  JOBS_KEEP_DAILY_STATISTICS_DAYS: variable(
    'History',
    'Days for which there are statistics.',
    integer(730, 30, 36_500),
    {
      default: '730',
    },
  ),

  THROTTLE_LOGIN: variable('Throttling', 'Logins a minute by account and address.', integer(5, 1, 1_000_000), {
    default: '5',
  }),
  THROTTLE_SETTINGS: variable(
    'Throttling',
    'Changes of notification settings and preferences a minute.',
    integer(20, 1, 1_000_000),
    { default: '20' },
  ),
  THROTTLE_TEST_SEND: variable('Throttling', 'Test messages a minute.', integer(5, 1, 1_000_000), { default: '5' }),
  THROTTLE_JOB_ACTIONS: variable('Throttling', 'Cancels and retries a minute.', integer(10, 1, 1_000_000), {
    default: '10',
  }),
  THROTTLE_BULK_ACTIONS: variable('Throttling', 'Actions on many jobs a minute.', integer(5, 1, 1_000_000), {
    default: '5',
  }),
  THROTTLE_IMPORTS: variable('Throttling', 'Uploads and exports a minute.', integer(30, 1, 1_000_000), {
    default: '30',
  }),
  THROTTLE_EXPORTS: variable('Throttling', 'Lists of jobs written out as CSV a minute.', integer(10, 1, 1_000_000), {
    default: '10',
  }),
  THROTTLE_MUTATIONS: variable('Throttling', 'Every other change a minute, by principal.', integer(60, 1, 1_000_000), {
    default: '60',
  }),
} satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;
export type Values = { [K in VariableName]: z.output<(typeof variables)[K]['schema']> };
