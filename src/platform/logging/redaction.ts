/** Keeps secrets out of log lines: by the names of fields, by the shape of well-known secrets, and by telling little of errors. */

const censored = '[redacted]';
const secretName = /pass(word|phrase)|secret|token$|authorization|cookie|api-?key|private-?key|credential/i;
const deepest = 6;

/** A copy without the values of fields that are secrets by their name. Errors pass as they are: `describeError` has them. */
export function withoutSecrets<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null || value instanceof Error || value instanceof Date) return value;
  if (depth > deepest) return '[too deep]' as T;
  if (Array.isArray(value)) return value.map((part: unknown) => withoutSecrets(part, depth + 1)) as T;
  const entries = Object.entries(value).map(([name, part]: [string, unknown]) => [
    name,
    secretName.test(name) && part !== undefined && part !== null ? censored : withoutSecrets(part, depth + 1),
  ]);
  return Object.fromEntries(entries) as T;
}

const shapes: [RegExp, string][] = [
  [/\bck_[\w-]{20,}/g, censored], // our API keys
  [/\beyJ[\w-]{5,}\.[\w-]+\.[\w-]+/g, censored], // JSON Web Tokens
  [/([a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/"]*):[^\s@/"]+@/gi, `$1:${censored}@`], // passwords in URLs
  [/(https:\/\/hooks\.slack\.com\/services\/)[\w/]+/g, `$1${censored}`],
];

/** A finished line without anything that looks like a secret, wherever it stands. */
export function withoutSecretShapes(line: string): string {
  return shapes.reduce((text, [shape, instead]) => text.replace(shape, instead), line);
}

export interface DescribedError {
  type: string;
  message: string;
  code?: string;
  constraint?: string;
  stack?: string;
  cause?: DescribedError;
}

/**
 * What a log line tells of an error. Only these: an error of the database carries the statement's parameters and the
 * offending row, one of an HTTP client the request with its headers.
 */
export function describeError(error: unknown, depth = 0): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'something that is no Error was thrown' };
  const { code, constraint } = { ...(error as { driverError?: object }).driverError, ...error } as Record<
    string,
    unknown
  >;
  return {
    type: error.constructor.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(typeof constraint === 'string' && { constraint }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause instanceof Error && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  };
}
