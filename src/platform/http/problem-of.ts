/** Any error that can reach the edge, told as a Problem. Pure; the filter sends what it answers. */
import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { Problem, unavailable } from './problem.js';

/**
 * `fault` marks what is nobody's but our own: the caller gets a bare 500, the log everything.
 * `suspect` marks a caller's error that validation should have caught before the database did: worth a warning.
 */
export interface Translation {
  problem: Problem;
  kind: 'refusal' | 'suspect' | 'overload' | 'fault';
}

export function problemOf(error: unknown): Translation {
  if (error instanceof Problem) return { problem: error, kind: 'refusal' };
  const origin = error instanceof HttpException && error.cause instanceof Error ? error.cause : error;
  return fromDatabase(origin) ?? fromFramework(origin) ?? fromHttpException(error) ?? internal;
}

const internal: Translation = {
  problem: new Problem(500, 'internal_error', 'Something went wrong here. The trace id finds it in the log.'),
  kind: 'fault',
};

/** SQLSTATEs (postgresql.org/docs/current/errcodes-appendix.html) that are not our fault; every other one is. */
const overload = /^(08...|53...|57P0[1-3]|57014|40001|40P01|55P03|25P0[34]|25006)$/;
/** Text the database cannot read as the type, NUL and broken encodings, numbers and times out of range. */
const unreadable = /^(22P02|22021|22P05|22001|22003|22007|22008)$/;
/** pg and its pool give these no code, so only their text tells them. */
const poolExhausted =
  /^(timeout exceeded when trying to connect|timeout expired|Query read timeout|Connection terminated|Client was closed|Client has encountered a connection error)/;
const connectionLost = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function fromDatabase(error: unknown): Translation | undefined {
  if (!(error instanceof Error)) return undefined;
  const driver = (error as { driverError?: unknown }).driverError;
  const code = codeOf(driver) ?? codeOf(error);
  // FATAL ends or refuses the connection, whatever its code (too many, shutting down, no longer let in)
  const lost = [driver, error].some((e) => (e as { severity?: unknown } | undefined)?.severity === 'FATAL');
  if (lost || poolExhausted.test(error.message) || (code && (overload.test(code) || connectionLost.has(code)))) {
    return { problem: unavailable('The database is busy or out of reach. Try again shortly.'), kind: 'overload' };
  }
  if (code && unreadable.test(code))
    return {
      problem: new Problem(400, 'invalid_request', 'A value of the request cannot be stored.'),
      kind: 'suspect',
    };
  if (code === '23505' || code === '23503') {
    const detail = 'Another change came first or a referenced thing is gone. Read again and retry.';
    return { problem: new Problem(409, 'conflict', detail), kind: 'suspect' };
  }
  return undefined;
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Fastify and its plugins, by their codes. */
const frameworkProblems: Record<string, Problem> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new Problem(413, 'payload_too_large', 'The body is larger than 1 MiB.'),
  FST_REQ_FILE_TOO_LARGE: new Problem(413, 'payload_too_large', 'The file is larger than this installation takes.'),
  FST_PARTS_LIMIT: new Problem(413, 'payload_too_large', 'The form has too many parts.'),
  FST_FILES_LIMIT: new Problem(413, 'payload_too_large', 'The form has too many files.'),
  FST_FIELDS_LIMIT: new Problem(413, 'payload_too_large', 'The form has too many fields.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new Problem(415, 'unsupported_media_type', 'Send application/json.'),
  FST_INVALID_MULTIPART_CONTENT_TYPE: new Problem(415, 'unsupported_media_type', 'Send multipart/form-data.'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new Problem(
    400,
    'invalid_request',
    'The body is not as long as Content-Length says.',
  ),
  FST_ERR_BAD_URL: new Problem(400, 'invalid_request', 'The path is not a valid URL path.'),
  FST_ERR_MAX_PARAM_LENGTH: new Problem(404, 'not_found', 'There is no such route.'),
};

function fromFramework(error: unknown): Translation | undefined {
  const known = frameworkProblems[codeOf(error) ?? ''];
  if (known) return { problem: known, kind: 'refusal' };
  const status = (error as { statusCode?: unknown } | null | undefined)?.statusCode;
  if (error instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return { problem: ofStatus(status, STATUS_CODES[status] ?? 'Refused'), kind: 'refusal' };
  }
  return undefined;
}

/** Those of Nest itself and of its packages (the throttler); our own code throws Problem. */
function fromHttpException(error: unknown): Translation | undefined {
  if (!(error instanceof HttpException)) return undefined;
  const status = error.getStatus();
  if (status === 503)
    return { problem: unavailable('The service is not available now. Try again shortly.'), kind: 'overload' };
  if (status >= 500) return undefined;
  // Nest's own text for an unknown route repeats the URL, which may carry a token
  const detail = status === 404 ? 'There is nothing at this path with this method.' : error.message;
  return { problem: ofStatus(status, detail), kind: 'refusal' };
}

const codes: Record<number, string> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  406: 'not_acceptable',
  408: 'request_timeout',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'unprocessable',
  429: 'too_many_requests',
};

const ofStatus = (status: number, detail: string) => new Problem(status, codes[status] ?? 'refused', detail);
