import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ConfigurationError, loadConfig, loadMaintenanceConfig } from './index.js';
import { type VariableName, variables } from './variables.js';

const key = (fill: number) =>
  Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 7 + fill) % 256)).toString('base64');
const production = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://carillon:pw@db.internal/carillon',
  JWT_SECRET: 'k4Jz9wQp2mXv7Ls1Rb8Tn5Yc3Hd6Fg0A',
  SECRET_KEYS: `2026:${key(1)}`,
};

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('needs nothing at all for trying out', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ production: false, port: 3_000, host: '127.0.0.1', database: { poolSize: 10 } });
    expect(config.database.address).toBeUndefined();
  });

  it('reads the hosts of outgoing calls as URLs write them, and keeps their headers apart', () => {
    const { outgoing } = loadConfig({
      HTTP_REQUEST_ALLOWED_HOSTS: 'API.Example.com, example.com:8443,münchen.example,example.org:443',
      HTTP_REQUEST_HEADERS: '{"api.example.com": {"authorization": "Bearer abc"}}',
    });
    expect(outgoing).toEqual({
      unsafe: false,
      httpRequest: {
        hosts: ['api.example.com', 'example.com:8443', 'xn--mnchen-3ya.example', 'example.org'],
        headers: { 'api.example.com': { authorization: 'Bearer abc' } },
      },
    });
    expect(loadConfig({}).outgoing.httpRequest).toEqual({ hosts: [], headers: {} });
  });

  it.each(['*.example.com', 'https://example.com', 'example.com/path', 'user@example.com', 'a b'])(
    'refuses %s as the host of outgoing calls',
    (host) => {
      expect(problemsOf({ HTTP_REQUEST_ALLOWED_HOSTS: host })).toEqual([
        `HTTP_REQUEST_ALLOWED_HOSTS has "${host}": hosts are exact names, as in api.example.com or example.com:8443`,
      ]);
    },
  );

  it('shows nothing of the headers it refuses, and misses those of no host', () => {
    expect(problemsOf({ HTTP_REQUEST_HEADERS: '{"a": "Bearer abc"}' })).toEqual([
      'HTTP_REQUEST_HEADERS must be JSON: {"api.example.com": {"authorization": "Bearer …"}}',
    ]);
    expect(problemsOf({ HTTP_REQUEST_HEADERS: '{"a.example": {"authorization": "Bearer abc"}}' })).toEqual([
      'HTTP_REQUEST_HEADERS has headers for a.example, which is not in HTTP_REQUEST_ALLOWED_HOSTS',
    ]);
  });

  it('calls private addresses in no production', () => {
    expect(loadConfig({ OUTGOING_UNSAFE: 'true' }).outgoing.unsafe).toBe(true);
    expect(problemsOf({ ...production, OUTGOING_UNSAFE: 'true' })).toEqual([
      'OUTGOING_UNSAFE=true is refused in production: outgoing calls go to public addresses by https alone',
    ]);
  });

  it('takes an empty text for not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '', JWT_SECRET: '' }).port).toBe(3_000);
  });

  it('tells everything that is wrong at once', () => {
    const problems = problemsOf({
      PORT: 'http',
      LOG_LEVEL: 'loud',
      ADMIN_EMAIL: 'somebody',
      ADMIN_PASSWORD: 'short',
      DATABASE_URL: 'mysql://x',
      WORKER_CONCURENCY: '4',
      SECRET_KEYS: 'only-an-id',
    });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'WORKER_CONCURENCY',
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
      'SECRET_KEYS',
      'ADMIN_EMAIL',
      'ADMIN_PASSWORD',
    ]);
    expect(() => loadConfig({ PORT: 'http', LOG_LEVEL: 'loud' })).toThrow(
      /2 problem\(s\):\n {2}- PORT .*\n {2}- LOG_LEVEL/,
    );
  });

  it('refuses names that begin like ours, and suggests the nearest', () => {
    expect(problemsOf({ DATABASE_ULR: 'x', THROTTLE_LOGINS: '1', PATH: '/bin', LANG: 'C', S3_FOO: 'x' })).toEqual([
      'DATABASE_ULR is not a variable of Carillon: did you mean DATABASE_URL? (.env.example has them all)',
      'THROTTLE_LOGINS is not a variable of Carillon: did you mean THROTTLE_LOGIN? (.env.example has them all)',
      'S3_FOO is not a variable of Carillon (.env.example has them all)',
    ]);
  });

  it('knows every one of its own names with a prefix of ours, and the file form of secrets only', () => {
    const secrets = Object.keys(variables).filter((name) => 'secret' in variables[name as VariableName]);
    const refused = (name: string) => problemsOf({ [name]: '/nowhere' }).filter((p) => p.includes('is not a variable'));
    expect(secrets.flatMap((name) => refused(`${name}_FILE`))).toEqual([]);
    expect(Object.keys(variables).flatMap(refused)).toEqual([]);
    expect(refused('WORKER_QUEUES_FILE')).toHaveLength(1);
  });

  it.each([
    ['-1', 'PORT must be at least 0'],
    ['65536', 'PORT must be at most 65535'],
    ['3000.5', 'PORT must be a whole number'],
    ['0x10', 'PORT must be a whole number'],
    ['１２', 'PORT must be a whole number'],
  ])('refuses the port %s', (PORT, problem) => expect(problemsOf({ PORT })).toEqual([problem]));

  it('is frozen to its last leaf', () => {
    const config = loadConfig(production);
    const leaves = (value: unknown): unknown[] =>
      typeof value === 'object' && value !== null && !Buffer.isBuffer(value)
        ? [value, ...Object.values(value).flatMap(leaves)]
        : [];
    expect(leaves(config).every((part) => Object.isFrozen(part))).toBe(true);
    expect(() => Object.assign(config.throttle, { login: 1 })).toThrow(TypeError);
  });

  it('never repeats a secret in its complaints', () => {
    const secrets = {
      DATABASE_URL: 'not-a-url-with-hunter2hunter2',
      PGPASSWORD: 'hunter2hunter2',
      JWT_SECRET: 'hunter2hunter2',
      SECRET_KEYS: 'id:hunter2hunter2',
      ADMIN_PASSWORD: 'hunter2',
      SMTP_URL: 'http://user:hunter2hunter2@host',
      S3_SECRET_ACCESS_KEY: 'hunter2hunter2',
    };
    const problems = problemsOf({ ...secrets, NODE_ENV: 'production' });
    expect(problems.length).toBeGreaterThan(4);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('asks for a place, and only one', () => {
    expect(problemsOf({ ...production, PGHOST: 'db' })).toEqual(['DATABASE_URL and PGHOST are both set: keep one']);
    expect(problemsOf({ STORAGE_DRIVER: 's3' })).toEqual(['S3_BUCKET is needed when STORAGE_DRIVER=s3']);
    expect(problemsOf({ S3_ACCESS_KEY_ID: 'id' })).toEqual([
      'S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together: set both or none',
    ]);
  });

  it('takes the PG variables instead of a URL', () => {
    const { DATABASE_URL: _, ...rest } = production;
    const { database } = loadConfig({ ...rest, PGHOST: 'db', PGPORT: '6432', PGUSER: 'me', PGPASSWORD: 'pw' });
    expect(database.address).toEqual({ host: 'db', port: 6_432, database: 'carillon', user: 'me', password: 'pw' });
  });
});

describe('secrets from files', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'carillon-config-'));
  const file = path.join(folder, 'jwt');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are read without the newline at their end', () => {
    writeFileSync(file, `${production.JWT_SECRET}\n`);
    const { JWT_SECRET: _, ...rest } = production;
    expect(loadConfig({ ...rest, JWT_SECRET_FILE: file }).secrets.jwt).toBe(production.JWT_SECRET);
  });

  it('are refused beside the variable itself, and named where they cannot be read', () => {
    expect(problemsOf({ ...production, JWT_SECRET_FILE: file })).toEqual([
      'JWT_SECRET and JWT_SECRET_FILE are both set: keep one',
    ]);
    expect(problemsOf({ ADMIN_PASSWORD_FILE: path.join(folder, 'none') })[0]).toMatch(
      /^ADMIN_PASSWORD_FILE cannot be read: ENOENT/,
    );
  });
});

describe('production', () => {
  it('starts with a database and secrets of its own', () => {
    expect(loadConfig(production).production).toBe(true);
  });

  it('refuses the embedded database and generated secrets', () => {
    const problems = problemsOf({ NODE_ENV: 'production' });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['DATABASE_URL', 'JWT_SECRET', 'SECRET_KEYS']);
  });

  it.each([
    ['JWT_SECRET', 'change-me-change-me-change-me-change-me'],
    ['JWT_SECRET', 'example-secret-example-secret-example'],
    ['ADMIN_PASSWORD', 'changeme-please'],
    ['DATABASE_URL', 'postgres://carillon:change-me@db.example.com/carillon'],
    ['SECRET_KEYS', `k:${Buffer.alloc(32).toString('base64')}`],
    ['SECRET_KEYS', `good:${key(3)},old:${Buffer.alloc(32, 'ab').toString('base64')}`],
  ])('refuses the published example of %s', (name, value) => {
    expect(problemsOf({ ...production, [name]: value })).toEqual([
      `${name} is a published example: production needs a secret of its own`,
    ]);
    const { NODE_ENV: _, ...trying } = production;
    expect(problemsOf({ ...trying, [name]: value })).toEqual([]);
  });

  it('lets commands that touch the schema only do without secrets', () => {
    const { JWT_SECRET: _, SECRET_KEYS: __, ...rest } = production;
    expect(loadMaintenanceConfig(rest).database.address).toEqual({ url: production.DATABASE_URL });
    expect(() => loadMaintenanceConfig({ NODE_ENV: 'production' })).toThrow(/DATABASE_URL/);
  });
});
