/** Recognises, from its first bytes, a file that is no text at all. */

interface Kind {
  name: string;
  bytes: readonly number[];
  /** What the person can do instead. */
  advice?: string;
}

const text = (s: string) => [...Buffer.from(s, 'latin1')];
const spreadsheet = 'if it is a spreadsheet, save it as CSV and upload that';
const compressed = 'unpack it and upload the file inside';

const kinds: readonly Kind[] = [
  { name: 'a PNG image', bytes: [0x89, ...text('PNG\r\n'), 0x1a, 0x0a] },
  { name: 'a JPEG image', bytes: [0xff, 0xd8, 0xff] },
  { name: 'a GIF image', bytes: text('GIF8') },
  { name: 'a PDF document', bytes: text('%PDF-') },
  { name: 'a ZIP archive (Excel workbooks are ZIP archives)', bytes: text('PK\u0003\u0004'), advice: spreadsheet },
  { name: 'an empty ZIP archive', bytes: text('PK\u0005\u0006') },
  { name: 'an old Office document', bytes: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], advice: spreadsheet },
  { name: 'a gzip archive', bytes: [0x1f, 0x8b], advice: compressed },
  { name: 'a bzip2 archive', bytes: text('BZh'), advice: compressed },
  { name: 'an xz archive', bytes: [0xfd, ...text('7zXZ\0')], advice: compressed },
  { name: 'a zstd archive', bytes: [0x28, 0xb5, 0x2f, 0xfd], advice: compressed },
  { name: 'a 7-Zip archive', bytes: text('7z\u00bc\u00af\u0027\u001c'), advice: compressed },
  { name: 'a RAR archive', bytes: text('Rar!\u001a\u0007'), advice: compressed },
  { name: 'a Parquet file', bytes: text('PAR1') },
  { name: 'an Avro file', bytes: text('Obj\u0001') },
  { name: 'an SQLite database', bytes: text('SQLite format 3\0') },
  { name: 'a program (ELF)', bytes: [0x7f, ...text('ELF')] },
  { name: 'an RTF document', bytes: text('{\\rtf') },
  { name: 'a UTF-32 text', bytes: [0xff, 0xfe, 0, 0], advice: 'save it as UTF-8' },
  { name: 'a UTF-32 text', bytes: [0, 0, 0xfe, 0xff], advice: 'save it as UTF-8' },
];

/** A sentence that says what the file is instead of a table, or undefined when it may be one. `head`: its first bytes. */
export function foreignKind(head: Uint8Array): string | undefined {
  const kind = kinds.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte));
  if (kind) return `it is ${kind.name}${kind.advice ? `; ${kind.advice}` : ''}`;
  const markup = /^(?:\u00ef\u00bb\u00bf)?\s*<(!doctype html|html|\?xml|svg)\b/i.exec(
    Buffer.from(head.subarray(0, 200)).toString('latin1'),
  );
  if (markup) return /html/i.test(markup[1]!) ? 'it is a web page (HTML)' : 'it is an XML document';
  return undefined;
}

/**
 * Whether the bytes hold so many control characters that they are no 8-bit text. A stray NUL or two in a real file is a fault of its row,
 * not of the file; random bytes have 11 % of them, programs and images far more.
 */
export function looksBinary(head: Uint8Array): boolean {
  let controls = 0;
  for (const byte of head) if (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b) controls++;
  return controls > head.length * (head.length >= 512 ? 0.05 : 0.3);
}
