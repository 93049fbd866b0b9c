import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { badRequest, Problem } from '../platform/http/index.js';
import { brokenForm, tooLarge } from './upload-problems.js';

/** What the form around the file may add to the file's own bytes: boundary, headers. */
const formOverhead = 65_536;

/** The one file of a multipart form, as a stream; everything else in the form is refused, what comes after the file by `end`. */
export interface UploadForm {
  file: MultipartFile;
  /** Reads the form to its end. @throws Problem 400 when something follows the file */
  end(): Promise<void>;
}

/** @throws Problem 400, 413 (by its announced length, before anything is read), 415 */
export async function openUploadForm(request: FastifyRequest, maxBytes: number): Promise<UploadForm> {
  if (!request.isMultipart())
    throw new Problem(415, 'unsupported_media_type', 'Send multipart/form-data with the file in the field "file".');
  if (Number(request.headers['content-length']) > maxBytes + formOverhead) throw tooLarge(maxBytes);
  // the gauge of ImportIntake is the limit of size; here it only must not be smaller
  const parts = request.parts({ limits: { fileSize: Infinity, files: 2, fields: 2, fieldSize: 1_024, parts: 4 } });
  const first = await nextPart(parts);
  if (!first) throw field('is missing: send the file in the field "file"');
  if (first.type !== 'file' || first.fieldname !== 'file') throw refuse(first);
  return {
    file: first,
    async end() {
      const second = await nextPart(parts);
      if (second) throw refuse(second);
    },
  };
}

async function nextPart(parts: ReturnType<FastifyRequest['parts']>): Promise<Multipart | undefined> {
  try {
    const next = await parts.next();
    return next.done ? undefined : next.value;
  } catch (error) {
    // busboy's own words on a broken form have no status; the plugin's errors do
    if (typeof (error as { statusCode?: unknown }).statusCode === 'number') throw error;
    throw brokenForm(error as Error);
  }
}

function refuse(part: Multipart): Problem {
  if (part.type === 'file') part.file.resume();
  const name = JSON.stringify(part.fieldname.slice(0, 60));
  if (part.type === 'file' && part.fieldname === 'file') return field('came twice: one import takes one file');
  if (part.type !== 'file' && part.fieldname === 'file')
    return field('must be a file (a part with a filename), not text');
  return badRequest([
    {
      pointer: `/${part.fieldname}`,
      message: `is not a known field: send only the file, in the field "file", not in ${name}`,
    },
  ]);
}

const field = (message: string) => badRequest([{ pointer: '/file', message }]);
