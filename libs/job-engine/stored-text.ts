/** Makes what handlers give fit for PostgreSQL: text and JSONB take no NUL and no lone surrogate, and nothing may be without bound. */

export const limits = {
  message: 10_000,
  stack: 10_000,
  code: 100,
  logText: 10_000,
  /** Characters of JSON. */
  logData: 65_536,
  result: 1_048_576,
  progressMessage: 500,
} as const;

/** Text without NUL and lone surrogates, at most `max` characters long; what was cut off ends in an ellipsis. */
export function storable(given: unknown, max: number): string {
  const text = typeof given === 'string' ? given : String(given);
  // cut before cleaning: a text of a megabyte is not walked for the sake of its first page
  return clean(text.length > max ? `${text.slice(0, max - 1)}…` : text);
}

/**
 * A value as JSON that JSONB takes; null where it has none (undefined, a function).
 * @throws when it cannot be JSON (a circle, a BigInt) or is longer than `max` characters
 */
export function storableJson(value: unknown, max: number): string | null {
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) return null;
  if (json.length > max) throw new RangeError(`its JSON has ${json.length} characters, the limit is ${max}`);
  return /\\u0000|\\ud[89a-f]/i.test(json) ? JSON.stringify(cleanDeep(JSON.parse(json))) : json;
}

const clean = (text: string) => text.replaceAll('\u0000', '').replaceAll(/\p{Surrogate}/gu, '\uFFFD');

function cleanDeep(value: unknown): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map(cleanDeep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [clean(key), cleanDeep(part)]));
}

/** Code and message of whatever was thrown, `undefined` included. */
export function describeError(error: unknown): { code: string; message: string; stack?: string } {
  if (!(error instanceof Error)) {
    const text = typeof error === 'string' ? error : `the handler threw ${named(error)}`;
    return { code: 'thrown', message: storable(text, limits.message) };
  }
  const { code } = error as { code?: unknown };
  return {
    code: storable(typeof code === 'string' && code !== '' ? code : error.name || 'Error', limits.code),
    message: storable(error.message, limits.message),
    ...(typeof error.stack === 'string' && { stack: storable(error.stack, limits.stack) }),
  };
}

/** What it is, without trusting its toString. */
function named(thrown: unknown): string {
  if (thrown === null || thrown === undefined) return String(thrown);
  if (typeof thrown === 'number' || typeof thrown === 'boolean') return `${typeof thrown} ${thrown}`;
  return typeof thrown;
}
