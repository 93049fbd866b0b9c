/** What is wrong with an upload is said at once, and nothing of it is kept. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, NestLogger } from '../../../src/platform/logging/index.js';
import { formOf, type ImportClient, openImportClient } from './import-client.js';
import { S3StandIn } from './s3-stand-in.js';
import { streamUpload } from './stream-upload.js';

let app: ImportClient;
beforeAll(async () => {
  app = await openImportClient();
});
afterAll(() => app.close());

describe('an upload that is refused', () => {
  const send = (form: FormData) => app.as('Member').request('POST', '/api/v2/imports', { form });

  it('for its form: missing, misnamed, second or further fields', async () => {
    const two = formOf('a\n1\n');
    two.append('file', new Blob(['b\n2\n']), 'second.csv');
    const further = formOf('a\n1\n');
    further.append('name', 'x');
    const text = new FormData();
    text.append('file', 'a\n1\n');
    for (const [form, message] of [
      [new FormData(), /missing/],
      [formOf('a\n1\n', 'x.csv', 'upload'), /not a known field/],
      [two, /came twice/],
      [further, /not a known field/],
      [text, /must be a file/],
    ] as const) {
      const { status, headers, body } = await send(form);
      expect([status, headers.get('content-type')]).toEqual([400, 'application/problem+json']);
      expect(body.errors[0].message).toMatch(message);
    }
    expect(await app.leftInStaging()).toEqual([]);
  });

  it('for not being a form', async () => {
    const { status, body } = await app.as('Member').request('POST', '/api/v2/imports', { body: { file: 'x' } });
    expect([status, body.code]).toEqual([415, 'unsupported_media_type']);
    const { status: text } = await app
      .as('Member')
      .request('POST', '/api/v2/imports', { headers: { 'content-type': 'multipart/form-data' } });
    expect(text).toBe(400);
  });

  it('for its size, announced or not, and nothing is left', async () => {
    const announced = await app.upload(Buffer.alloc(4_100_000, 'a,b\n'));
    expect([announced.status, announced.body.code]).toEqual([413, 'payload_too_large']);
    const streamed = await streamUpload(app, 4_100_000);
    expect([streamed.status, JSON.parse(streamed.body).code]).toEqual([413, 'payload_too_large']);
    expect(await app.leftInStaging()).toEqual([]);
    const fits = await streamUpload(app, 3_900_000);
    expect(fits.status).toBe(202);
  });

  it('by its own client hanging up leaves nothing', async () => {
    const before = (await app.db.owner.query(`select count(*) from uploads`)).rows;
    await streamUpload(app, 3_000_000, { hangUpAfter: 1_000_000 });
    await delay(50);
    expect(await app.leftInStaging()).toEqual([]);
    expect((await app.db.owner.query(`select count(*) from uploads`)).rows).toEqual(before);
  });

  it('for a form that ends in the middle', async () => {
    const { status } = await streamUpload(app, 10_000, { withoutEnd: true });
    expect(status).toBe(400);
    expect(await app.leftInStaging()).toEqual([]);
  });

  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n';
  describe.each(['content-length', 'chunked'] as const)('for a form whose end is missing, %s', (framing) => {
    it.each([
      ['in the header of the part', [head.slice(0, 40)]],
      ['after the header of the part', [head]],
      ['in the middle of the file', [`${head}a,b\n1,2`]],
      ['in the middle of the file, sent in pieces', [head, 'a,b\n', '1,2']],
      ['in the middle of a file larger than every buffer', [head, '1,2\n'.repeat(400_000)]],
      ['in the boundary', [`${head}a,b\n1,2\r\n--`]],
      ['before the last two dashes', [`${head}a,b\n1,2\r\n--b`]],
      ['between the last two dashes', [`${head}a,b\n1,2\r\n--b-`]],
    ])(
      '%s',
      async (_, pieces) => {
        const key = randomUUID();
        const { status, type, body } = await sendPieces(app, pieces, framing, key);
        expect([status, type]).toEqual([400, 'application/problem+json']);
        expect(JSON.parse(body).errors).toEqual([
          { pointer: '', message: expect.stringMatching(/^is not a whole multipart form: /) },
        ]);
        expect(app.storedFiles().filter((file) => /^(staging|incoming)/.test(file))).toEqual([]);
        const whole = await sendPieces(app, [`${head}a,b\n1,2\r\n--b--\r\n`], framing, key);
        expect(whole.status).toBe(202); // the key is free again
        await app.follow(JSON.parse(whole.body).job.id); // its file has left the staging area, for the next case
      },
      5_000,
    );
  });

  it('for a form whose end is missing, with its line in the request log and nothing on S3', async () => {
    const s3 = new S3StandIn();
    const client = await openImportClient({
      STORAGE_DRIVER: 's3',
      S3_BUCKET: 'carillon',
      S3_ENDPOINT: await s3.start(),
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    });
    try {
      const logged = new Promise<Record<string, unknown>>((resolve) => {
        const write = (text: string) => {
          const line = JSON.parse(text) as Record<string, unknown>;
          if (line.msg === 'request' && line.route === '/api/v2/imports') resolve(line);
        };
        client.app.useLogger(new NestLogger(createLogger({ logLevel: 'info' }, { write })));
      });
      const { status } = await sendPieces(client, [`${head}a,b\n1,2`], 'content-length', randomUUID());
      expect(status).toBe(400);
      expect([...s3.objects.keys()]).toEqual([]);
      expect(await logged).toMatchObject({ method: 'POST', status: 400 });
    } finally {
      await client.close();
      await s3.stop();
    }
  });

  it('does not use the file name as a path', async () => {
    const job = await app.imported('p,q\n1,2\n', '../../../../tmp/evil.csv');
    const { body } = await app.as('Member').request('GET', `/api/v2/datasets/${job.relatedDatasetId}`);
    expect(body.fileName).toBe('evil.csv');
    expect(
      app
        .storedFiles()
        .every((file) => /^(datasets|exports)\/[0-9a-f-]{36}\/[0-9a-f-]{36}(\/[0-9a-f-]{36})?$/.test(file)),
    ).toBe(true);
  });
});

/** A form of boundary `b` exactly as given; a piece that fills the socket is waited for. */
async function sendPieces(
  { url, accessToken }: Pick<ImportClient, 'url' | 'accessToken'>,
  pieces: string[],
  framing: 'content-length' | 'chunked',
  idempotencyKey: string,
) {
  const request = http.request(`${url}/api/v2/imports`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await accessToken('Member')}`,
      'content-type': 'multipart/form-data; boundary=b',
      'idempotency-key': idempotencyKey,
      ...(framing === 'content-length' && { 'content-length': Buffer.byteLength(pieces.join('')) }),
    },
  });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) =>
    request.once('response', resolve).once('error', reject),
  );
  for (const piece of pieces) await new Promise((written) => request.write(piece, written));
  request.end();
  const response = await answer;
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  return { status: response.statusCode, type: response.headers['content-type'], body };
}
