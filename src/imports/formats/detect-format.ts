/** Decides what a file is from its first bytes and a survey of the rest; its name is only asked where its content leaves two readings. */
import { detectDelimiter } from './delimiter.js';
import { type ByteSurvey, chooseEncoding } from './encoding.js';
import { foreignKind, looksBinary } from './file-kind.js';
import { type Encoding, type Format, UnreadableFile } from './format.js';
import { ChunkDecoder } from './text-decoder.js';

/** Bytes that detection looks at; a header of 10,000 columns fits. */
export const headBytes = 262_144;

export interface FileHead {
  bytes: Uint8Array;
  /** Whether `bytes` is the whole file. */
  complete: boolean;
  survey: ByteSurvey;
  /** As the uploader called it: a hint, no more. */
  fileName: string;
}

/** @throws UnreadableFile when the file is none of CSV, TSV, NDJSON and a JSON array; the message says what it is instead */
export function detectFormat(head: FileHead): Format {
  if (head.bytes.length === 0) throw new UnreadableFile('The file is empty.', 'empty_file');
  const foreign = foreignKind(head.bytes);
  if (foreign) throw unsupported(foreign);
  const encoding = chooseEncoding(head.bytes, head.survey);
  if (!encoding.startsWith('utf-16') && looksBinary(head.bytes)) throw unsupported('it holds binary data, not text');
  const text = decodeHead(head, encoding);
  if (text.trim() === '') throw new UnreadableFile('The file holds nothing but white space.', 'empty_file');
  const json = jsonName(text, head);
  if (json) return { name: json, encoding, delimiter: null };
  const newline = text.includes('\n') || !text.includes('\r') ? '\n' : '\r';
  const delimiter = detectDelimiter(text, newline, head.complete);
  return { name: delimiter === '\t' ? 'tsv' : 'csv', encoding, delimiter, newline };
}

const unsupported = (what: string) =>
  new UnreadableFile(`This is no CSV, TSV, NDJSON or JSON array: ${what}.`, 'unsupported_file');

function decodeHead({ bytes, complete }: FileHead, encoding: Encoding): string {
  const decoder = new ChunkDecoder(encoding);
  return decoder.write(bytes) + (complete ? decoder.end() : '');
}

/** `[` before a JSON value begins an array, `{` before a key an object: a CSV that begins so has neither behind it. */
function jsonName(text: string, { complete, fileName }: FileHead): 'json' | 'ndjson' | undefined {
  const namedLines = /\.(ndjson|jsonl)$/i.test(fileName);
  if (/^\s*\[\s*(?:[[\]{"]|$)/.test(text)) return namedLines && isJson(firstLines(text)[0]!) ? 'ndjson' : 'json';
  if (!/^\s*\{\s*["}]/.test(text)) {
    if (/\.json$/i.test(fileName) && isJson(text)) throw notAnArray(`a JSON ${kindOf(JSON.parse(text))}`);
    return namedLines ? 'ndjson' : undefined;
  }
  const [first, second] = firstLines(text);
  const oneObjectALine = isJson(first!) || (!complete && second === undefined);
  if (namedLines || (oneObjectALine && second?.startsWith('{'))) return 'ndjson';
  throw notAnArray('one JSON object');
}

const notAnArray = (what: string) =>
  new UnreadableFile(
    `The file is ${what}, not a list: an import takes an array of objects, [{…}, {…}], or one object a line (NDJSON).`,
    'unsupported_file',
  );

const firstLines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(0, 2);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const kindOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
