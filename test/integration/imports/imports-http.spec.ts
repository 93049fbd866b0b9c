/** From the upload to the rows, over HTTP, with the real worker. */
import { setTimeout as delay } from 'node:timers/promises';
import { sampleCsv } from './import-bench.js';
import { formOf, type ImportClient, openImportClient } from './import-client.js';

let app: ImportClient;
beforeAll(async () => {
  app = await openImportClient();
});
afterAll(() => app.close());

describe('an import over HTTP', () => {
  it('takes 50,000 rows, shows each step to a polling client and gives the rows back', async () => {
    const { status, headers, body } = await app.upload(sampleCsv(50_000), 'Kunden Köln.csv');
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/v2/jobs/${body.job.id}`);
    expect(body.job).toMatchObject({
      jobType: 'dataset.import',
      queue: 'imports',
      status: 'running',
      createdBy: app.users.Member,
    });
    const { job, seen } = await app.follow(body.job.id);
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
    const job = await app.imported(content);
    expect(job).toMatchObject({ status: 'failed', errorCode, errorMessage: expect.stringMatching(message) });
    expect(await app.leftInStaging()).toEqual([]);
  });

  it('of mostly bad rows fails, and its result names the first of them', async () => {
    const job = await app.imported('a,b\n1,2\n3\n4\n');
    expect(job).toMatchObject({
      status: 'failed',
      errorCode: 'too_many_bad_rows',
      result: {
        badRowSamples: [
          { row: 2, line: 3, reason: 'has 1 value, the header names 2 columns' },
          { row: 3, line: 4 },
        ],
      },
    });
  });

  it('works on after all of them', async () => {
    expect(await app.imported('a,b\n1,2\n3\n4,5\n')).toMatchObject({
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
    const jobs = await Promise.all(Array.from({ length: 5 }, () => app.imported(content)));
    const ids = new Set(jobs.map((job) => job.relatedDatasetId));
    expect(ids.size).toBe(1);
    expect(jobs.filter((job) => job.result.duplicateOf === undefined)).toHaveLength(1);
    const { rows } = await app.db.owner.query(`select id from datasets where id = any($1)`, [
      jobs.map((job) => job.id),
    ]);
    expect(rows).toEqual([{ id: [...ids][0] }]);
  });

  it('leaves nothing when it is cancelled', async () => {
    const { body } = await app.upload(sampleCsv(60_000, 'cancel'));
    const path_ = `/api/v2/jobs/${body.job.id}`;
    while ((await app.as('Member').request('GET', path_)).body.progress < 70) await delay(5);
    const cancel = await app.as('OrgAdmin').request('POST', `/api/organization/background-jobs/${body.job.id}/cancel`);
    expect(cancel.status).toBeLessThan(300);
    const { job } = await app.follow(body.job.id);
    expect(job.status).toBe('cancelled');
    for (const table of ['datasets where id', 'dataset_rows where dataset_id']) {
      expect((await app.db.owner.query(`select 1 from ${table} = $1 limit 1`, [body.job.id])).rows).toEqual([]);
    }
    expect(app.storedFiles().filter((file) => file.includes(body.job.id))).toEqual([]);
    expect(await app.leftInStaging()).toEqual([]);
  });

  it('is carried out once for one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'import-once' };
    const request = () => app.as('Member').request('POST', '/api/v2/imports', { form: formOf('k,v\n1,2\n'), headers });
    const [first, again] = [await request(), await request()];
    expect(again.body.job.id).toBe(first.body.job.id);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });
});
