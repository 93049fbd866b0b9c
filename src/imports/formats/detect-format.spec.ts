import { detectFormat } from './detect-format.js';
import { ByteSurvey } from './encoding.js';
import { UnreadableFile } from './format.js';

function detect(content: string | Buffer, fileName = 'upload.csv') {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const survey = new ByteSurvey();
  for (let at = 0; at < bytes.length; at += 7) survey.add(bytes.subarray(at, at + 7));
  return detectFormat({ bytes, complete: true, survey: survey.end(), fileName });
}

function refusal(content: string | Buffer, fileName?: string): UnreadableFile {
  try {
    detect(content, fileName);
  } catch (error) {
    if (error instanceof UnreadableFile) return error;
    throw error;
  }
  throw new Error('it was taken for a table');
}

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** The text in an encoding of one byte a character. */
function single(encoding: string, text: string): Buffer {
  const characters = [...new TextDecoder(encoding).decode(Uint8Array.from({ length: 256 }, (_, i) => i))];
  return Buffer.from([...text].map((c) => characters.indexOf(c)));
}

describe('detectFormat: the delimiter', () => {
  it.each([
    ['a,b\n1,2\n', 'csv', ','],
    ['a;b\n1,5;2,5\n', 'csv', ';'],
    ['a\tb\n1\t2,3\n', 'tsv', '\t'],
    ['a|b|c\n1|2|3\n', 'csv', '|'],
    ['"a;x","b;y"\n"1;2","3;4"\n', 'csv', ','],
    ['name\nMüller\n', 'csv', ','],
    ['a;b\n', 'csv', ';'],
    ['a;b', 'csv', ';'],
    ['text;n\n"one, two, three";1\n"four, five, six";2\n', 'csv', ';'],
  ])('%j is %s by %j', (text, name, delimiter) => {
    expect(detect(text)).toMatchObject({ name, delimiter, encoding: 'utf-8', newline: '\n' });
  });

  it('reads the lines of old Macs', () => {
    expect(detect('a,b\r1,2\r')).toMatchObject({ newline: '\r' });
  });
});

describe('detectFormat: JSON', () => {
  it.each([
    ['[{"a":1}]', 'upload.json', 'json'],
    [' \n[\n  {"a": 1},\n  {"a": 2}\n]\n', 'upload.txt', 'json'],
    ['[]', 'upload.json', 'json'],
    ['{"a":1}\n{"a":2}\n', 'upload.json', 'ndjson'],
    ['{"a":1}\n', 'upload.ndjson', 'ndjson'],
    ['{"a":1}\n{oops\n', 'upload', 'ndjson'],
    ['[id],[name]\n1,x\n', 'upload.csv', 'csv'],
    ['{id},{name}\n1,x\n', 'upload.csv', 'csv'],
  ])('%j called %s is %s', (text, fileName, name) => {
    expect(detect(text, fileName).name).toBe(name);
  });

  it.each([
    ['{"a": 1}', 'one JSON object, not a list'],
    ['{\n  "rows": [{"a": 1}]\n}\n', 'one JSON object, not a list'],
    ['"text"', 'a JSON string, not a list'],
    ['42', 'a JSON number, not a list'],
    ['null', 'a JSON null, not a list'],
  ])('refuses %j as .json', (text, reason) => {
    expect(refusal(text, 'upload.json')).toMatchObject({
      code: 'unsupported_file',
      message: expect.stringContaining(reason),
    });
  });
});

describe('detectFormat: files that are no tables', () => {
  it.each([
    ['a PNG image', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['a JPEG image', Buffer.from('ffd8ffe000104a464946', 'hex')],
    ['a ZIP archive', Buffer.from('504b030414000600', 'hex')],
    ['a gzip archive', Buffer.from('1f8b0800000000000003', 'hex')],
    ['a PDF document', Buffer.from('%PDF-1.7\n%âãÏÓ')],
    ['an old Office document', Buffer.from('d0cf11e0a1b11ae1', 'hex')],
    ['a web page (HTML)', Buffer.from('\n<!DOCTYPE html><html><body>Not found</body></html>')],
    ['an XML document', Buffer.from('<?xml version="1.0"?><rows/>')],
    ['a UTF-32 text', Buffer.from('fffe0000610000002c000000', 'hex')],
    ['binary data', Buffer.from(Array.from({ length: 600 }, (_, i) => (i * 167) % 256))],
  ])('says that it is %s', (what, bytes) => {
    expect(refusal(bytes)).toMatchObject({ code: 'unsupported_file', message: expect.stringContaining(what) });
  });

  it.each([Buffer.alloc(0), Buffer.from('  \r\n \n'), Buffer.from('efbbbf', 'hex')])(
    'says that there is nothing in it',
    (bytes) => {
      expect(refusal(bytes).code).toBe('empty_file');
    },
  );
});

describe('detectFormat: the encoding', () => {
  it.each([
    ['plain ASCII', Buffer.from('a,b\n1,2\n'), 'utf-8'],
    ['UTF-8', Buffer.from('name\nJosé, 漢字 😀\n'), 'utf-8'],
    ['UTF-8 with a mark', Buffer.from('\ufeffname\nJosé\n'), 'utf-8'],
    ['UTF-16LE with a mark', Buffer.from('\ufeffa,b\n1,ü\n', 'utf16le'), 'utf-16le'],
    ['UTF-16LE without one', Buffer.from('name,place\n1,Köln\n', 'utf16le'), 'utf-16le'],
    ['UTF-16BE with a mark', Buffer.from('\ufeffa,b\n1,ü\n', 'utf16le').swap16(), 'utf-16be'],
    ['UTF-16BE without one', Buffer.from('name,place\n1,Köln\n', 'utf16le').swap16(), 'utf-16be'],
    ['windows-1252, one word', latin1('name\nM\u00fcller\n'), 'windows-1252'],
    ['windows-1252, German', latin1('name;preis\nGr\u00f6\u00dfe;20 \u0080\n\u00c4rger;5 \u0080\n'), 'windows-1252'],
    ['windows-1252, French', latin1('nom\nl\u0092\u00e9t\u00e9 \u00e0 la plage\nFran\u00e7ois\n'), 'windows-1252'],
    ['windows-1252, Portuguese', latin1('nome\nS\u00e3o Paulo\nJo\u00e3o\nBRAG\u00c7A\n'), 'windows-1252'],
    [
      'windows-1251, Russian',
      single('windows-1251', 'Имя,Город\nМария Иванова,Москва\nСергей Петров,Новгород\nОльга Смирнова,Екатеринбург\n'),
    ],
    [
      'windows-1250, Polish',
      single('windows-1250', 'imię,miasto\nŁukasz Wiśniewski,Łódź\nMałgorzata Żółć,Kraków\nPaweł Dąbrowski,Gdańsk\n'),
    ],
  ])('%s', (title, bytes, encoding = title.split(',')[0]!) => {
    expect(detect(bytes).encoding).toBe(encoding);
  });

  it('takes noise in a text for broken UTF-8, whatever the statistics say', () => {
    const noise = Buffer.from(Array.from({ length: 200 }, (_, i) => 0x80 + ((i * 89) % 128)));
    expect(detect(Buffer.concat([Buffer.from('id,name\n1,x\n'.repeat(30)), noise])).encoding).toBe('utf-8');
  });

  it.each([
    ['a lone continuation byte', 'ab\\x80cd'],
    ['a cut-off sequence', 'Jos\\xc3'],
    ['a cut-off sequence before punctuation', 'a\\xc3\\x28'],
    ['bytes that are never UTF-8', 'x\\xff\\xfey'],
    ['an overlong form', 'x\\xc0\\xaf'],
    ['a surrogate', 'x\\xed\\xa0\\x80'],
    ['one broken name among good ones', 'José\\xc3\\x28 Ünal Müller Čapek'],
  ])('does not take broken UTF-8 for an older encoding: %s', (_, text) => {
    const bytes = Buffer.concat(
      text
        .split(/(\\x[0-9a-f]{2})/)
        .map((part) => (part.startsWith('\\x') ? Buffer.from(part.slice(2), 'hex') : Buffer.from(part))),
    );
    expect(detect(Buffer.concat([Buffer.from('id,name\n1,'), bytes, Buffer.from('\n2,ok\n')])).encoding).toBe('utf-8');
  });
});
