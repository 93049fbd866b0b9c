/**
 * Which encoding a file is in. A wrong guess stores words that nobody wrote, so the order is: byte order mark, the zeros of UTF-16, valid UTF-8,
 * and only then, with evidence, an older 8-bit encoding. Without evidence the file counts as broken UTF-8 and its row is named.
 */
import { isAscii } from 'node:buffer';
import { analyse } from 'chardet';
import type { Encoding } from './format.js';
import { incompleteTail, sequenceLength } from './utf8.js';

/** Counts over all bytes of a file, chunk by chunk. */
export class ByteSurvey {
  /** Valid sequences of more than one byte. */
  multibyte = 0;
  /** Bytes that belong to no UTF-8 sequence. */
  invalid = 0;
  /** Those of them that read well as windows-1252 where they stand. */
  western = 0;
  /** The first chunks with such bytes, for statistics of letters. */
  sample: Uint8Array = Buffer.alloc(0);
  private carry: Uint8Array = Buffer.alloc(0);

  add(chunk: Uint8Array): void {
    const bytes = this.carry.length > 0 ? Buffer.concat([this.carry, chunk]) : chunk;
    const tail = incompleteTail(bytes);
    this.count(bytes.subarray(0, bytes.length - tail));
    this.carry = Buffer.from(bytes.subarray(bytes.length - tail));
  }

  end(): this {
    this.count(this.carry);
    this.carry = Buffer.alloc(0);
    return this;
  }

  private count(bytes: Uint8Array): void {
    if (isAscii(bytes)) return;
    const before = this.invalid;
    for (let at = 0; at < bytes.length;) {
      const length = sequenceLength(bytes, at);
      if (length > 1) this.multibyte++;
      if (length < 1) {
        this.invalid++;
        if (readsAsWestern(bytes, at)) this.western++;
      }
      at += Math.max(1, length);
    }
    if (this.invalid > before && this.sample.length < 65_536) this.sample = Buffer.concat([this.sample, bytes]);
  }
}

/** Encodings beside windows-1252 that the statistics may name: those whose letters cannot be mistaken for it. */
const byStatistics = new Set(
  (
    'windows-1250 windows-1251 windows-1253 windows-1255 windows-1256 iso-8859-2 iso-8859-5 iso-8859-6 iso-8859-7 iso-8859-8 ' +
    'koi8-r shift_jis euc-jp euc-kr big5 gb18030'
  ).split(' '),
);

export function chooseEncoding(head: Uint8Array, survey: ByteSurvey): Encoding {
  const marked = byMark(head) ?? byZeros(head);
  if (marked) return marked;
  // where UTF-8 is the rule and its breach the exception, it is a damaged UTF-8 file
  if (survey.invalid === 0 || survey.multibyte > survey.invalid) return 'utf-8';
  if (survey.western >= survey.invalid * 0.9) return 'windows-1252';
  if (survey.invalid < 8) return 'utf-8';
  // a table of names gives the statistics little to go by: 20 to 45 of 100 for the right answer, with the next far behind; noise gives ties
  const [best, next] = analyse(survey.sample);
  const clear = best && best.confidence >= 18 && best.confidence >= 1.5 * (next?.confidence ?? 0);
  const name = best?.name.toLowerCase() ?? '';
  return clear && byStatistics.has(name) && reads(survey.sample, name) ? name : 'utf-8';
}

/** The sample may be cut within a character at either end. */
const reads = (sample: Uint8Array, encoding: Encoding) =>
  new TextDecoder(encoding).decode(sample).split('\ufffd').length <= 3;

function byMark(head: Uint8Array): Encoding | undefined {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined;
}

/** Mostly Latin text in UTF-16 has a zero in every second byte; no other text has. */
function byZeros(head: Uint8Array): Encoding | undefined {
  if (head.length < 4) return undefined;
  const zeros = [0, 0];
  head.forEach((byte, i) => {
    if (byte === 0) zeros[i % 2]!++;
  });
  const share = (n: number | undefined) => (n ?? 0) / (head.length / 2);
  if (share(zeros[1]) > 0.4 && share(zeros[0]) < 0.05) return 'utf-16le';
  return share(zeros[0]) > 0.4 && share(zeros[1]) < 0.05 ? 'utf-16be' : undefined;
}

const isLower = (byte: number) => byte >= 0x61 && byte <= 0x7a;
const isLetter = (byte: number) => isLower(byte) || (byte >= 0x41 && byte <= 0x5a);
const isDigitOrSpace = (byte: number) => byte === 0x20 || (byte >= 0x30 && byte <= 0x39);
/** Š Œ Ž š œ ž of windows-1252's upper control area. */
const lettersAbove = new Set([0x8a, 0x8c, 0x8e, 0x9a, 0x9c, 0x9e]);
/** € … ‘ ’ “ ” • – — ™ nbsp ¡ ¢ £ ¥ § © « ® ° ± ² ³ ´ µ · » ¼ ½ ¾ ¿ × */
const symbols = new Set(Buffer.from('80859192939495969799a0a1a2a3a5a7a9abaeb0b1b2b3b4b5b7bbbcbdbebfd7', 'hex'));
/** Words of one letter: à À è È é É ó */
const words = new Set([0xe0, 0xc0, 0xe8, 0xc8, 0xe9, 0xc9, 0xf3]);

/** Whether the byte, read as windows-1252, stands where such a character is written: a letter beside letters, a symbol beside a number. */
function readsAsWestern(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at]!;
  const before = bytes[at - 1] ?? 0;
  const after = bytes[at + 1] ?? 0;
  if (symbols.has(byte)) {
    if (isLetter(before) && isLetter(after)) return byte === 0x92 || byte === 0x96;
    return isDigitOrSpace(before) || isDigitOrSpace(after) || isLetter(before) || isLetter(after);
  }
  const letter = lettersAbove.has(byte) || (byte >= 0xc0 && byte < 0xff && byte !== 0xf7);
  if (!letter) return false;
  if (before === 0x20 && after === 0x20) return words.has(byte);
  const upper = byte <= 0xde && byte !== 0x9a && byte !== 0x9c && byte !== 0x9e;
  if (upper && isLower(before)) return false; // "JosÃ": a cut-off UTF-8 sequence, not a word
  return isLetter(before) || isLetter(after);
}
