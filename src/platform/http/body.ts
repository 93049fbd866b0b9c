/** How a request's body comes in: JSON only, in UTF-8, bounded in size and time; and what happens to one that nobody reads. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import { parseJson } from './json-guard.js';
import { Problem } from './problem.js';

/** 1 MiB of JSON; imports are streamed apart. */
export const bodyLimit = 1_048_576;
/** A JSON body that is still not there by then is a slow attack or a dead line. Uploads have the server's longer limit. */
const bodyDeadlineMs = 30_000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Fastify's parser of application/json. No body at all counts as none, as many clients always send the content type. */
export function parseJsonBody(request: FastifyRequest, body: Buffer): unknown {
  refuseOtherCharset(request.headers['content-type'] ?? '');
  if (body.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new Problem(400, 'invalid_json', 'The body is not valid UTF-8.');
  }
  return parseJson(text);
}

function refuseOtherCharset(contentType: string): void {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new Problem(415, 'unsupported_media_type', 'JSON is UTF-8 (RFC 8259): send it so, with no other charset.');
  }
}

/** Before the body is read: no compression (a megabyte could unfold to a gigabyte), and a deadline for JSON. */
export function guardIncomingBody(request: FastifyRequest, payload: NodeJS.ReadableStream): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new Problem(
      415,
      'unsupported_media_type',
      'Compressed bodies are not taken: send it without Content-Encoding.',
    );
  }
  if (!bringsBody(request) || /^multipart\//i.test(request.headers['content-type'] ?? '')) return;
  const late = setTimeout(() => {
    payload.emit(
      'error',
      new Problem(408, 'request_timeout', `The body was not complete after ${bodyDeadlineMs / 1_000} s.`),
    );
  }, bodyDeadlineMs);
  late.unref();
  for (const end of ['end', 'close', 'error']) payload.once(end, () => clearTimeout(late));
}

/** The body of a GET is never read, so it has no end that could stop a clock. */
const bringsBody = ({ method, headers }: FastifyRequest) =>
  method !== 'GET' &&
  method !== 'HEAD' &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0);

/**
 * Reads the rest of a refused body away, within bounds, before the answer goes out. Closing a connection on which
 * data still arrives resets it, and the caller would see a broken pipe instead of the 413 or 401 that explains it.
 */
export async function discardUnreadBody(raw: IncomingMessage): Promise<void> {
  if (raw.complete || raw.destroyed) return;
  let left = 64 * 1_048_576;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), 2_000);
  raw.unpipe();
  raw.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) giveUp.abort();
  });
  raw.resume();
  await finished(raw, { signal: giveUp.signal, cleanup: true }).catch(() => undefined);
  clearTimeout(timer);
}
