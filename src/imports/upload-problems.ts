import { badRequest, Problem } from '../platform/http/index.js';

export const tooLarge = (maxBytes: number) =>
  new Problem(
    413,
    'payload_too_large',
    `The file is larger than the ${maxBytes.toLocaleString('en')} bytes that an import takes.`,
  );

/** The form, or the connection, ended before the file or the form around it did. */
export const brokenForm = (error: Error) =>
  badRequest([{ pointer: '', message: `is not a whole multipart form: ${error.message}` }]);
