/** From the upload to the rows and back out, over HTTP, with the real worker. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Person } from '../../support/test-population.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';
import { sampleCsv } from './import-bench.js';

let app: TestApp;
let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'carillon-http-imports-'));
  app = await createTestApp({ worker: true, environment: { DATA_DIR: dataDir, IMPORT_MAX_BYTES: '4000000' } });
});
afterAll(async () => {
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
});

const formOf = (content: string | Buffer, fileName = 'upload.csv', field = 'file') => {
  const form = new FormData();
  form.append(field, new Blob([content]), fileName);
  return form;
};
const upload = (content: string | Buffer, fileName?: string, person: Person = 'Member') =>
  app.as(person).request('POST', '/api/v2/imports', { form: formOf(content, fileName) });

/** Polls as a client would, until the job has ended; answers every state it saw. */
async function follow(jobId: string, person: Person = 'Member') {
  const seen: { status: string; progress: number; progressMessage: string | null }[] = [];
  for (const end = Date.now() + 25_000; ; await delay(10)) {
    const { status, body } = await app.as(person).request('GET', `/api/v2/jobs/${jobId}`);
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
    seen.push(body);
    if (body.status !== 'running') return { job: body, seen };
    if (Date.now() > end) throw new Error(`still ${body.status} at ${body.progress} %`);
  }
}

async function imported(content: string | Buffer, fileName?: string, person: Person = 'Member') {
  const { status, body } = await upload(content, fileName, person);
  expect(status).toBe(202);
  return (await follow(body.job.id, person)).job;
}

const storedFiles = () => {
  const root = path.join(dataDir, 'storage');
  const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
};
const staged = () => storedFiles().filter((file) => /^(staging|incoming)/.test(file));
/** The answer of a broken-off request is nobody's: wait for what it leaves. */
async function untilNothingStaged() {
  for (const end = Date.now() + 10_000; staged().length > 0 && Date.now() < end;) await delay(20);
  return staged();
}

describe('an import over HTTP', () => {
  it('takes 50,000 rows, shows each step to a polling client and gives the rows back', async () => {
    const { status, headers, body } = await upload(sampleCsv(50_000), 'Kunden Köln.csv');
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/v2/jobs/${body.job.id}`);
    expect(body.job).toMatchObject({
      jobType: 'dataset.import',
      queue: 'imports',
      status: 'running',
      createdBy: app.users.Member,
    });
    const { job, seen } = await follow(body.job.id);
    expect(job).toMatchObject({
      status: 'completed',
      progress: 100,
      relatedDatasetId: job.id,
      result: { datasetId: job.id, rows: 50_000, badRows: 0 },
    });
    const progress = seen.map((state) => state.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(new Set(progress).size).toBeGreaterThan(6);
    expect(progress.some((percent) => percent > 70 && percent < 90)).toBe(true);

    const dataset = await app.as('OrgAdmin').request('GET', `/api/v2/datasets/${job.id}`);
    expect(dataset.body).toMatchObject({
      id: job.id,
      jobId: job.id,
      name: 'Kunden Köln',
      fileName: 'Kunden Köln.csv',
      rowCount: 50_000,
      badRowCount: 0,
      badRowSamples: [],
      columnCount: 3,
      columns: [{ name: 'id', type: 'integer', nullable: false }, { name: 'name' }, { name: 'amount', type: 'number' }],
      format: { name: 'csv', encoding: 'utf-8', delimiter: ',' },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const rows = await app.as('Member').request('GET', `/api/v2/datasets/${job.id}/rows?skip=49998&limit=5`);
    expect(rows.body).toEqual({
      rows: [
        { id: 49_999, name: 'Name 49999, ', amount: 12_499.75 },
        { id: 50_000, name: 'Name 50000, ', amount: 12_500 },
      ],
      total: 50_000,
    });
    const list = await app.as('Member').request('GET', '/api/v2/datasets');
    expect(list.body).toMatchObject({ total: 1, datasets: [{ id: job.id, rowCount: 50_000 }] });
    expect(list.body.datasets[0]).not.toHaveProperty('columns');
  });

  it.each([
    [
      'a PNG called .csv',
      Buffer.from('89504e470d0a1a0a0000000d49484452000000', 'hex'),
      'unsupported_file',
      /it is a PNG image/,
    ],
    ['an empty file', '', 'empty_file', /empty/],
    ['a header only', 'a,b,c\n', 'no_rows', /a header and no rows/],
    [
      '10,000 columns',
      `${Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(',')}\n`,
      'too_many_columns',
      /10,000 columns/,
    ],
    [
      'broken UTF-8',
      Buffer.concat([Buffer.from('id,name\n1,x'), Buffer.from('fffe', 'hex')]),
      'broken_text',
      /Row 1 \(line 2\).* ff fe/,
    ],
    ['a quote never closed', 'id,name\n1,ok\n2,"x\n', 'unclosed_quote', /Row 2 \(line 3\)/],
    ['JSON that is no array', '{"rows":[]}', 'unsupported_file', /one JSON object, not a list/],
  ])('of %s becomes a failed job that says why', async (_, content, errorCode, message) => {
    const job = await imported(content);
    expect(job).toMatchObject({ status: 'failed', errorCode, errorMessage: expect.stringMatching(message) });
    expect(await untilNothingStaged()).toEqual([]);
  });

  it('works on after all of them', async () => {
    expect(await imported('a,b\n1,2\n3\n4,5\n')).toMatchObject({
      status: 'completed',
      result: {
        rows: 2,
        badRows: 1,
        badRowSamples: [{ row: 2, line: 3, reason: 'has 1 value, the header names 2 columns' }],
      },
    });
  });

  it('of the same content five times at once leaves one dataset', async () => {
    const content = sampleCsv(2_000, 'five');
    const jobs = await Promise.all(Array.from({ length: 5 }, () => imported(content)));
    const ids = new Set(jobs.map((job) => job.relatedDatasetId));
    expect(ids.size).toBe(1);
    expect(jobs.filter((job) => job.result.duplicateOf === undefined)).toHaveLength(1);
    const { rows } = await app.db.owner.query(`select id from datasets where id = any($1)`, [
      jobs.map((job) => job.id),
    ]);
    expect(rows).toEqual([{ id: [...ids][0] }]);
  });

  it('leaves nothing when it is cancelled', async () => {
    const { body } = await upload(sampleCsv(60_000, 'cancel'));
    const path_ = `/api/v2/jobs/${body.job.id}`;
    while ((await app.as('Member').request('GET', path_)).body.progress < 70) await delay(5);
    const cancel = await app.as('OrgAdmin').request('POST', `/api/organization/background-jobs/${body.job.id}/cancel`);
    expect(cancel.status).toBeLessThan(300);
    const { job } = await follow(body.job.id);
    expect(job.status).toBe('cancelled');
    for (const table of ['datasets where id', 'dataset_rows where dataset_id']) {
      expect((await app.db.owner.query(`select 1 from ${table} = $1 limit 1`, [body.job.id])).rows).toEqual([]);
    }
    expect(storedFiles().filter((file) => file.includes(body.job.id))).toEqual([]);
    expect(await untilNothingStaged()).toEqual([]);
  });

  it('is carried out once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'import-once' };
    const request = () => app.as('Member').request('POST', '/api/v2/imports', { form: formOf('k,v\n1,2\n'), headers });
    const [first, again] = [await request(), await request()];
    expect(again.body.job.id).toBe(first.body.job.id);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });
});

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
    expect(await untilNothingStaged()).toEqual([]);
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
    const announced = await upload(Buffer.alloc(4_100_000, 'a,b\n'));
    expect([announced.status, announced.body.code]).toEqual([413, 'payload_too_large']);
    const streamed = await stream(4_100_000);
    expect([streamed.status, JSON.parse(streamed.body).code]).toEqual([413, 'payload_too_large']);
    expect(await untilNothingStaged()).toEqual([]);
    const fits = await stream(3_900_000);
    expect(fits.status).toBe(202);
  });

  it('by its own client hanging up leaves nothing', async () => {
    const before = (await app.db.owner.query(`select count(*) from uploads`)).rows;
    await stream(3_000_000, { hangUpAfter: 1_000_000 });
    await delay(50);
    expect(await untilNothingStaged()).toEqual([]);
    expect((await app.db.owner.query(`select count(*) from uploads`)).rows).toEqual(before);
  });

  it('for a form that ends in the middle', async () => {
    const { status } = await stream(10_000, { withoutEnd: true });
    expect(status).toBe(400);
    expect(await untilNothingStaged()).toEqual([]);
  });

  it('does not use the file name as a path', async () => {
    const job = await imported('p,q\n1,2\n', '../../../../tmp/evil.csv');
    const { body } = await app.as('Member').request('GET', `/api/v2/datasets/${job.relatedDatasetId}`);
    expect(body.fileName).toBe('evil.csv');
    expect(
      storedFiles().every((file) => /^(datasets|exports)\/[0-9a-f-]{36}\/[0-9a-f-]{36}(\/[0-9a-f-]{36})?$/.test(file)),
    ).toBe(true);
  });
});

/** A chunked upload, written by hand: no Content-Length announces its size. */
async function stream(
  bytes: number,
  { hangUpAfter = Infinity, withoutEnd = false } = {},
): Promise<{ status: number; body: string }> {
  const token = await app.accessToken('Member');
  const boundary = `----${randomBytes(8).toString('hex')}`;
  const request = http.request(`${app.url}/api/v2/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': `multipart/form-data; boundary=${boundary}` },
  });
  const answer = new Promise<{ status: number; body: string }>((resolve) => {
    request.on('error', () => resolve({ status: 0, body: '' }));
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
  request.write(
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="big.csv"\r\n\r\nid,text${randomBytes(4).toString('hex')}\n`,
  );
  const piece = `1,${'x'.repeat(997)}\n`;
  for (let sent = 0; sent < bytes && !request.destroyed; sent += piece.length * 64) {
    if (sent >= hangUpAfter) request.destroy();
    else if (!request.write(piece.repeat(64)))
      await Promise.race([new Promise((resolve) => request.once('drain', resolve)), answer]);
  }
  if (!request.destroyed) request.end(withoutEnd ? '' : `\r\n--${boundary}--\r\n`);
  return answer;
}

describe('datasets', () => {
  let id: string;
  beforeAll(async () => {
    const content = 'name,amount,note\n=1+1,-5,"a ""b"", c"\nÄ,2.5,\n';
    id = (await imported(content, 'export me.csv')).relatedDatasetId;
  });

  it('are written out as CSV that a spreadsheet opens without running anything', async () => {
    const { status, headers, body } = await app.as('Member').request('POST', `/api/v2/datasets/${id}/export`);
    expect([status, headers.get('location')]).toEqual([202, `/api/v2/jobs/${body.job.id}`]);
    const { job } = await follow(body.job.id);
    const downloadPath = `/api/v2/datasets/${id}/exports/${job.id}`;
    expect(job).toMatchObject({
      status: 'completed',
      relatedDatasetId: id,
      result: { datasetId: id, rows: 2, downloadPath },
    });
    const file = await app.as('OrgAdmin').request('GET', downloadPath);
    expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(file.headers.get('content-disposition')).toBe(
      `attachment; filename="export me.csv"; filename*=UTF-8''export%20me.csv`,
    );
    expect(Number(file.headers.get('content-length'))).toBe(job.result.bytes);
    expect(file.body.replace('\ufeff', '')).toBe(`name,amount,note\r\n'=1+1,-5,"a ""b"", c"\r\nÄ,2.5,\r\n`);
    for (const stranger of ['OtherMember', 'OtherOrgAdmin'] as const) {
      expect((await app.as(stranger).request('GET', downloadPath)).status).toBe(404);
    }
    expect((await app.as('Member').request('GET', `/api/v2/datasets/${id}/exports/${id}`)).status).toBe(404);
  });

  it('are not there for another organisation', async () => {
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/rows'],
      ['POST', '/export'],
    ] as const) {
      const { status, body } = await app.as('OtherMember').request(method, `/api/v2/datasets/${id}${suffix}`);
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
    expect((await app.as('OtherMember').request('GET', '/api/v2/datasets')).body).toEqual({ datasets: [], total: 0 });
  });

  it('stand behind the second wall: carillon_app sees only those of its organisation', async () => {
    const client = await app.db.as('carillon_app').connect();
    try {
      for (const table of ['uploads', 'datasets', 'dataset_rows']) {
        expect((await client.query(`select * from ${table}`)).rows).toEqual([]);
        await client.query(`select set_config('carillon.organization_id', $1, false)`, [app.organizations.B]);
        expect((await client.query(`select * from ${table}`)).rows).toEqual([]);
        await client.query(`select set_config('carillon.organization_id', $1, false)`, [app.organizations.A]);
        expect((await client.query(`select * from ${table} limit 1`)).rows).toHaveLength(1);
        await client.query(`select set_config('carillon.organization_id', '', false)`);
      }
    } finally {
      client.release();
    }
  });
});
