/** Bytes to text, chunk by chunk, without losing track of bytes that are no text. */
import { isUtf8 } from 'node:buffer';
import type { Encoding } from './format.js';
import { incompleteTail, sequenceLength } from './utf8.js';

/**
 * A byte that is not UTF-8 becomes the lone surrogate U+DC00 + byte (as Python's `surrogateescape`), which no valid UTF-8 can produce: so it
 * travels through the parser to the row it belongs to.
 */
const brokenByte = /[\udc80-\udcff]/;

/** The bytes (hex) of `text` that were not valid in the file's encoding; undefined when there are none. */
export function brokenBytes(text: string): string | undefined {
  const at = [...text].filter((c) => c.length === 1 && brokenByte.test(c));
  return at.length > 0
    ? at
        .slice(0, 8)
        .map((c) => (c.charCodeAt(0) - 0xdc00).toString(16))
        .join(' ')
    : undefined;
}

export class ChunkDecoder {
  private readonly other: InstanceType<typeof TextDecoder> | undefined;
  private carry: Uint8Array = Buffer.alloc(0);
  private atStart = true;

  constructor(encoding: Encoding) {
    if (encoding !== 'utf-8') this.other = new TextDecoder(encoding);
  }

  write(chunk: Uint8Array): string {
    if (this.other) return this.other.decode(chunk, { stream: true });
    const bytes = this.carry.length > 0 ? Buffer.concat([this.carry, chunk]) : chunk;
    const tail = incompleteTail(bytes);
    this.carry = Buffer.from(bytes.subarray(bytes.length - tail));
    return this.decode(bytes.subarray(0, bytes.length - tail));
  }

  end(): string {
    return this.other ? this.other.decode() : this.decode(this.carry);
  }

  private decode(bytes: Uint8Array): string {
    const text = isUtf8(bytes)
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
      : decodeBroken(bytes);
    if (!this.atStart || text === '') return text;
    this.atStart = false;
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  }
}

function decodeBroken(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = '';
  let from = 0;
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length < 1) {
      text += buffer.toString('utf8', from, at) + String.fromCharCode(0xdc00 + buffer[at]!);
      from = at + 1;
    }
    at += Math.max(1, length);
  }
  return text + buffer.toString('utf8', from);
}

/** A value that PostgreSQL's jsonb refuses, and why; undefined for all others. */
export function unstorable(value: string): string | undefined {
  if (!/[\0\ud800-\udfff]/.test(value)) return undefined;
  if (value.includes('\0')) return 'has a NUL character';
  return /\p{Surrogate}/u.test(value) ? 'is not valid Unicode (half of a surrogate pair)' : undefined;
}
