/** What is wrong with an upload is said at once, and nothing of it is kept. */
import { setTimeout as delay } from 'node:timers/promises';
import { formOf, type ImportClient, openImportClient } from './import-client.js';
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
