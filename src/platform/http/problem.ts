/** One thing wrong with a request: where (a JSON pointer into the body, or `query/<name>`, `path/<name>`, `header/<name>`) and what to do. */
export interface ProblemDetail {
  pointer: string;
  message: string;
}

/** What the caller reads: RFC 9457 with three members of our own (`code`, `errors`, `traceId`). */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors: readonly ProblemDetail[];
  traceId: string;
}

/**
 * The only way a feature refuses a request: the one filter turns it into `application/problem+json` (RFC 9457).
 * `code` is stable and machine-readable; `detail` is a sentence a person can act on.
 */
export class Problem extends Error {
  readonly errors: readonly ProblemDetail[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    more: { errors?: readonly ProblemDetail[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }

  /** `type` is a URN, so that it claims no web address; `title` depends on the code alone, as RFC 9457 asks. */
  toBody(traceId: string): ProblemBody {
    return {
      type: `urn:carillon:problem:${this.code}`,
      title: titleOf(this.code),
      status: this.status,
      detail: this.message,
      code: this.code,
      errors: this.errors,
      traceId,
    };
  }
}

/** `payload_too_large` → `Payload too large`. */
const titleOf = (code: string) => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('_', ' ');

/** The same answer for what does not exist and for what belongs to somebody else. */
export const notFound = (what: string) => new Problem(404, 'not_found', `There is no such ${what}.`);
export const badRequest = (errors: ProblemDetail[]) =>
  new Problem(400, 'invalid_request', 'The request is malformed: see errors.', { errors });
/** Well-formed but impossible. */
export const unprocessable = (errors: ProblemDetail[]) =>
  new Problem(422, 'unprocessable', 'The request is well-formed but cannot be carried out: see errors.', { errors });
export const conflict = (code: string, detail: string) => new Problem(409, code, detail);
/** Overload or a missing dependency: the caller may come back after `seconds`. */
export const unavailable = (detail: string, seconds = 1) =>
  new Problem(503, 'unavailable', detail, { headers: { 'retry-after': String(seconds) } });

/** One reference token of a JSON pointer (RFC 6901), slash included. */
export const pointerPart = (token: string) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`;
