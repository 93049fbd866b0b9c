import { MendableError } from './platform/mendable-error.js';

/** What a person at the terminal reads when a command or a start fails: a sentence for what an operator can mend, the stack for the rest. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof MendableError) return error.message;
  const { code, message } = firstCause(error);
  const explain = code === undefined ? undefined : explanations[code];
  return explain ? explain(message) : (error.stack ?? error.message);
}

/** Node wraps refused connections (one for each address tried) into an AggregateError with an empty message. */
function firstCause(error: Error): { code?: string; message: string } {
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  const { code, message } = (inner instanceof Error ? inner : error) as Error & { code?: string };
  return { ...(code !== undefined && { code }), message };
}

const cannotReach = (message: string) => `The database cannot be reached: ${message}. Check DATABASE_URL (or PGHOST).`;
const refusesUs = (message: string) => `The database refuses us: ${message}. Check DATABASE_URL (or PGUSER and so on).`;
const file = (message: string) => `A file or folder is closed to us: ${message}. Check its owner and DATA_DIR.`;

/** By the codes of Node and PostgreSQL (SQLSTATE), never by the text. None of these messages holds a password. */
const explanations: Record<string, (message: string) => string> = {
  EADDRINUSE: (message) =>
    `The address to listen on is taken (${message}). Set PORT (or HOST) to a free one; PORT=0 takes any.`,
  ECONNREFUSED: cannotReach,
  ECONNRESET: cannotReach,
  ENOTFOUND: cannotReach,
  EAI_AGAIN: cannotReach,
  ETIMEDOUT: cannotReach,
  '57P03': cannotReach, // the server is starting up or shutting down
  '53300': refusesUs, // too many connections
  '28P01': refusesUs, // wrong password
  '28000': refusesUs, // login not allowed
  '3D000': refusesUs, // no such database
  '42501': refusesUs, // not allowed
  EACCES: file,
  EPERM: file,
  EROFS: file,
  ENOSPC: (message) => `The disk is full: ${message}.`,
};
