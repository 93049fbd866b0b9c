/** One thing wrong with a request: where (a JSON pointer into the body, or `query/<name>`, `header/<name>`) and what to do. */
export interface ProblemDetail {
  pointer: string;
  message: string;
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
}

/** The same answer for what does not exist and for what belongs to somebody else. */
export const notFound = (what: string) => new Problem(404, 'not_found', `There is no such ${what}.`);
export const badRequest = (errors: ProblemDetail[]) =>
  new Problem(400, 'invalid_request', 'The request is malformed: see errors.', { errors });
/** Well-formed but impossible. */
export const unprocessable = (errors: ProblemDetail[]) =>
  new Problem(422, 'unprocessable', 'The request is well-formed but cannot be carried out: see errors.', { errors });
export const conflict = (code: string, detail: string) => new Problem(409, code, detail);
