import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { MendableError } from '../mendable-error.js';
import { composeConfig, type Config } from './config.js';
import { nearestName } from './nearest-name.js';
import { variables, type Values, type VariableName } from './variables.js';

/** All that is wrong with the environment, one line a variable; the process ends with it. */
export class ConfigurationError extends MendableError {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`);
  }
}

type Environment = Record<string, string | undefined>;
const names = Object.keys(variables) as VariableName[];

/**
 * Validates the environment once and freezes the result. Messages name the variable and never hold a secret's value.
 * @throws ConfigurationError with every problem at once: wrong values, unknown names, and what production refuses.
 */
export const loadConfig = (environment: Environment = process.env): Config => load(environment, 'serve');

/** The same for commands that touch the schema only (provision, migrate): they need no secrets. */
export const loadMaintenanceConfig = (environment: Environment = process.env): Config => load(environment, 'maintain');

function load(environment: Environment, purpose: 'serve' | 'maintain'): Config {
  const problems = unknownNames(environment);
  const values = {} as Record<VariableName, unknown>;
  for (const name of names) {
    const raw = readRaw(environment, name, problems);
    const parsed = variables[name].schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else problems.push(`${name} ${messages(parsed.error)}`);
  }
  if (problems.length === 0) problems.push(...contradictions(values as Values, purpose));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return composeConfig(values as Values);
}

/** The value itself, or the content of the file that `<NAME>_FILE` names; an empty text counts as not set. */
function readRaw(environment: Environment, name: VariableName, problems: string[]): string | undefined {
  const direct = environment[name] || undefined;
  const file = 'secret' in variables[name] ? environment[`${name}_FILE`] || undefined : undefined;
  if (!file) return direct;
  if (direct) problems.push(`${name} and ${name}_FILE are both set: keep one`);
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    problems.push(`${name}_FILE cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}

const messages = (error: z.ZodError) => error.issues.map((issue) => issue.message).join('; ');

/** Names that begin like ours but are not ours are slips of the pen: better a refusal than a silent default. */
function unknownNames(environment: Environment): string[] {
  const ours =
    /^(THROTTLE|WORKER|S3|STORAGE|SMTP|MAIL|ADMIN|JWT|SECRET|IMPORT|DATABASE|SHUTDOWN|HTTP_REQUEST|OUTGOING|CARILLON)_/;
  const known = new Set<string>(names.flatMap((n) => ('secret' in variables[n] ? [n, `${n}_FILE`] : [n])));
  return Object.keys(environment)
    .filter((name) => ours.test(name) && !known.has(name))
    .map((name) => {
      const meant = nearestName(name, [...known]);
      return `${name} is not a variable of Carillon${meant ? `: did you mean ${meant}?` : ''} (.env.example has them all)`;
    });
}

function contradictions(values: Values, purpose: 'serve' | 'maintain'): string[] {
  const problems: string[] = [];
  const external = Boolean(values.DATABASE_URL ?? values.PGHOST);
  const production = values.NODE_ENV === 'production';
  if (values.DATABASE_URL && values.PGHOST) problems.push('DATABASE_URL and PGHOST are both set: keep one');
  if (values.STORAGE_DRIVER === 's3' && !values.S3_BUCKET) problems.push('S3_BUCKET is needed when STORAGE_DRIVER=s3');
  if (Boolean(values.S3_ACCESS_KEY_ID) !== Boolean(values.S3_SECRET_ACCESS_KEY)) {
    problems.push('S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together: set both or none');
  }
  if (production && !external)
    problems.push('DATABASE_URL (or PGHOST) is needed in production: the embedded database is for trying out');
  if (purpose === 'serve' && (external || production)) {
    if (!values.JWT_SECRET) problems.push('JWT_SECRET is needed: with a database of its own, nothing is generated');
    if (values.SECRET_KEYS.length === 0)
      problems.push('SECRET_KEYS is needed: with a database of its own, nothing is generated');
  }
  if (production && values.OUTGOING_UNSAFE)
    problems.push(
      'OUTGOING_UNSAFE=true is refused in production: outgoing calls go to public addresses by https alone',
    );
  problems.push(...strayHeaders(values));
  if (production) problems.push(...placeholders(values));
  return problems;
}

/** Headers for a host that is never called are a slip of the pen, and a secret that lies about for nothing. */
const strayHeaders = (values: Values): string[] =>
  Object.keys(values.HTTP_REQUEST_HEADERS)
    .filter((host) => !values.HTTP_REQUEST_ALLOWED_HOSTS.includes(host))
    .map((host) => `HTTP_REQUEST_HEADERS has headers for ${host}, which is not in HTTP_REQUEST_ALLOWED_HOSTS`);

/** What stands in examples, in documents and in the images of others is public, so production refuses it. */
function placeholders(values: Values): string[] {
  const secrets = {
    JWT_SECRET: values.JWT_SECRET,
    ADMIN_PASSWORD: values.ADMIN_PASSWORD,
    DATABASE_URL: values.DATABASE_URL && new URL(values.DATABASE_URL).password,
    PGPASSWORD: values.PGPASSWORD,
    S3_SECRET_ACCESS_KEY: values.S3_SECRET_ACCESS_KEY,
  };
  const byText = Object.entries(secrets)
    .filter(([, v]) => v && /change[-_ ]?me|example|minioadmin/i.test(v))
    .map(([name]) => name);
  const byKey = values.SECRET_KEYS.some(({ key }) => new Set(key).size < 8) ? ['SECRET_KEYS'] : [];
  return [...byText, ...byKey].map((name) => `${name} is a published example: production needs a secret of its own`);
}
