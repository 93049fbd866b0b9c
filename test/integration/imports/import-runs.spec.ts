/** The import's handler on a real database: whatever cuts it off, one dataset comes of it, or nothing. */
import { DiscardJob, RunStopped } from '@carillon/job-engine';
import { RunSuperseded } from '../../../src/imports/dataset-draft.js';
import { cancellation, type ImportBench, openImportBench, sampleCsv } from './import-bench.js';

let bench: ImportBench;
beforeAll(async () => {
  bench = await openImportBench();
});
afterEach(async () => {
  await bench.db.owner.query(`truncate uploads, datasets, dataset_rows`);
  for (const area of ['staging', 'datasets'] as const)
    for await (const { key } of bench.storage.list(area)) await bench.storage.remove(key as never);
});
afterAll(() => bench.close());

const rowsOf = async () =>
  (
    await bench.db.owner.query<{ n: number; data: unknown }>(
      `select row_number n, data from dataset_rows order by row_number`,
    )
  ).rows;
const nothing = { datasets: 0, published: 0, rows: 0, files: [], unsettled: 0 };

describe('an import', () => {
  it('makes a dataset of 50,000 rows, its progress rising through the steps', async () => {
    const job = await bench.stage(sampleCsv(50_000), { fileName: 'customers.csv' });
    const { summary, subject, reports, lines } = await bench.run(job);
    expect(summary).toEqual({
      summary: 'customers.csv imported: 50,000 rows of 3 columns',
      datasetId: job.jobId,
      rows: 50_000,
      badRows: 0,
      badRowSamples: [],
      columns: [
        { name: 'id', type: 'integer', nullable: false },
        { name: 'name', type: 'text', nullable: false },
        { name: 'amount', type: 'number', nullable: false },
      ],
      columnCount: 3,
      format: { name: 'csv', encoding: 'utf-8', delimiter: ',' },
    });
    expect(subject).toEqual({ type: 'dataset', id: job.jobId });
    expect(lines).toEqual(['recognised CSV in utf-8, separated by commas', 'parsed 50,000 rows of 3 columns, 0 bad']);
    expect(reports).toEqual([...reports].sort((a, b) => a - b));
    expect(reports).toEqual(expect.arrayContaining([10, 20, 40, 70, 90, 100]));
    expect(reports.filter((percent) => percent > 40 && percent < 70).length).toBeGreaterThan(2);
    expect(reports.filter((percent) => percent > 70 && percent < 90).length).toBeGreaterThan(5);
    expect(await bench.remains()).toEqual({
      datasets: 1,
      published: 1,
      rows: 50_000,
      files: [`datasets/${job.organizationId}/${job.jobId}`],
      unsettled: 0,
    });
    const rows = await rowsOf();
    expect(rows[0]).toEqual({ n: 1, data: [1, 'Name 1, ', 0.25] });
    expect(rows.at(-1)).toEqual({ n: 50_000, data: [50_000, 'Name 50000, ', 12_500] });
  });

  it('keeps the rows that can be read and tells of the others with number, line and reason', async () => {
    const job = await bench.stage('id,name\n1,a\n2\n3,"c"x\n4,d\n5,e\n');
    const { summary } = await bench.run(job);
    expect(summary).toMatchObject({ rows: 3, badRows: 2 });
    expect(summary.badRowSamples).toEqual([
      { row: 2, line: 3, reason: 'has 1 value, the header names 2 columns' },
      { row: 3, line: 4, reason: 'value 2 goes on after its closing quote, with "x"' },
    ]);
    expect((await rowsOf()).map(({ n, data }) => [n, data])).toEqual([
      [1, [1, 'a']],
      [2, [4, 'd']],
      [3, [5, 'e']],
    ]);
  });

  it.each([
    [
      'TSV in UTF-16',
      Buffer.from('\ufeffname\tn\nJosé 😀\t1\n', 'utf16le'),
      'x.txt',
      { name: 'tsv', encoding: 'utf-16le', delimiter: '\t' },
      ['José 😀', 1],
    ],
    [
      'windows-1252',
      Buffer.from('name;n\nM\u00fcller;1\n', 'latin1'),
      'x.csv',
      { name: 'csv', encoding: 'windows-1252', delimiter: ';' },
      ['Müller', 1],
    ],
    ['NDJSON', '{"name":"a","n":1}\n', 'x.ndjson', { name: 'ndjson', encoding: 'utf-8', delimiter: null }, ['a', 1]],
    ['JSON', '[{"name":"a","n":1}]', 'x.json', { name: 'json', encoding: 'utf-8', delimiter: null }, ['a', 1]],
  ])('reads %s', async (_, content, fileName, format, row) => {
    const { summary } = await bench.run(await bench.stage(content, { fileName }));
    expect(summary).toMatchObject({ rows: 1, format });
    expect((await rowsOf())[0]!.data).toEqual(row);
  });

  it('tells of at most 1,000 bad rows, and of 20 in its result', async () => {
    const job = await bench.stage(`a,b\n${'1,2\n'.repeat(1_600)}${'1\n'.repeat(1_500)}`);
    const { summary } = await bench.run(job);
    expect(summary).toMatchObject({ rows: 1_600, badRows: 1_500 });
    expect(summary.badRowSamples).toHaveLength(20);
    const { rows } = await bench.db.owner.query(
      `select jsonb_array_length(bad_row_samples) kept, bad_row_count from datasets`,
    );
    expect(rows).toEqual([{ kept: 1_000, bad_row_count: 1_500 }]);
  });
});

describe('a file that cannot become a dataset', () => {
  it.each([
    [
      'a PNG called .csv',
      Buffer.from('89504e470d0a1a0a0000000d49484452000000', 'hex'),
      'unsupported_file',
      'it is a PNG image',
    ],
    ['an empty file', '', 'empty_file', 'The file is empty.'],
    ['a header only', 'a,b,c\n', 'no_rows', 'a header and no rows'],
    ['an empty array', '[]', 'no_rows', 'no rows'],
    [
      '10,000 columns',
      `${Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(',')}\n`,
      'too_many_columns',
      'names 10,000 columns',
    ],
    [
      'broken UTF-8',
      Buffer.concat([Buffer.from('id,name\n1,ok\n2,x'), Buffer.from('fffe', 'hex'), Buffer.from('\n')]),
      'broken_text',
      'Row 2 (line 3), column name: the bytes ff fe',
    ],
    [
      'a quote never closed',
      'id,name\n1,ok\n2,"x\n3,y\n',
      'unclosed_quote',
      'Row 2 (line 3): the quote that opens value 2 is never closed',
    ],
    [
      'ragged rows only',
      'a,b\n1\n2\n3\n',
      'too_many_bad_rows',
      '3 of 3 rows cannot be read, more than half: row 1 (line 2) has 1 value',
    ],
    ['NDJSON that is none', '{"a":1}\n{oops\n{oops\n', 'too_many_bad_rows', 'row 2 (line 2) is not valid JSON'],
    ['a JSON object', '{"rows":[]}', 'unsupported_file', 'one JSON object, not a list'],
    ['JSON cut off', '[{"a":1},{"a"', 'broken_json', 'Line 1: the array is cut off in element 2'],
  ])('fails at once, says why and leaves nothing: %s', async (_, content, code, message) => {
    const job = await bench.stage(content, { fileName: 'upload.csv' });
    const failure = await bench.run(job).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DiscardJob);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await bench.remains()).toEqual(nothing);
    // tried again by hand, it says that the file is gone
    await expect(bench.run(job, { token: 2 })).rejects.toMatchObject({ code: 'upload_missing' });
    expect(await bench.remains()).toEqual(nothing);
  });
});

it('leaves the upload of another job alone', async () => {
  const job = await bench.stage(sampleCsv(5));
  const another = { ...job, jobId: job.uploadId };
  await expect(bench.run(another)).rejects.toMatchObject({ code: 'upload_missing' });
  expect((await bench.run(job)).summary.rows).toBe(5);
});

/** Percent 80 lies between two batches of rows, 55 between two reads. */
const places = [10, 20, 40, 55, 70, 80, 90, 100];
const content = sampleCsv(12_000);

describe('an import that is cut off', () => {
  it.each(places)('at %i % runs again and leaves one whole dataset', async (place) => {
    const job = await bench.stage(content);
    const killed = new AbortController();
    const lost = new Error('the worker was lost');
    const first = bench.run(job, {
      signal: killed.signal,
      onProgress(percent) {
        if (percent >= place) {
          killed.abort(lost);
          throw lost;
        }
      },
    });
    await expect(first).rejects.toThrow(lost);
    const { summary, subject } = await bench.run(job, { token: 2 });
    expect(summary).toMatchObject({ datasetId: job.jobId, rows: 12_000, badRows: 0 });
    expect(subject).toEqual({ type: 'dataset', id: job.jobId });
    expect(await bench.remains()).toEqual({
      datasets: 1,
      published: 1,
      rows: 12_000,
      files: [`datasets/${job.organizationId}/${job.jobId}`],
      unsettled: 0,
    });
  });

  it('cannot write or publish any more once another run has taken over, whatever it was about to do', async () => {
    for (const place of [10, 20, 40, 70, 80, 90]) {
      const job = await bench.stage(sampleCsv(12_000, String(place)));
      let second: Promise<unknown> | undefined;
      const late = bench.run(job, {
        async onProgress(percent) {
          if (percent >= place) await (second ??= bench.run(job, { token: 2 }));
        },
      });
      await expect(late).rejects.toThrow(RunSuperseded);
      await second;
      const { rows } = await bench.db.owner.query(
        `select run::int, (select count(*)::int from dataset_rows r where r.dataset_id = d.id) rows,
        (select count(distinct run)::int from dataset_rows r where r.dataset_id = d.id) runs from datasets d where id = $1`,
        [job.jobId],
      );
      expect(rows).toEqual([{ run: 2, rows: 12_000, runs: 1 }]);
    }
  });

  it('is refused when it wakes up only after another has published', async () => {
    const job = await bench.stage(content);
    const late = { draft: (await bench.drafts.take(job.uploadId, { ...job, fencingToken: '1' })).draft! };
    await bench.run(job, { token: 2 });
    await expect(late.draft.insertRows(1, '[[1]]')).rejects.toThrow(RunSuperseded);
    await expect(
      late.draft.publish({
        format: { name: 'csv', encoding: 'utf-8', delimiter: ',' },
        columns: [],
        rowCount: 0,
        badRowCount: 0,
        badRowSamples: [],
      }),
    ).rejects.toThrow(RunSuperseded);
    await late.draft.abandon();
    expect(await bench.remains()).toMatchObject({
      published: 1,
      rows: 12_000,
      files: [`datasets/${job.organizationId}/${job.jobId}`],
    });
  });
});

describe('an import that is cancelled', () => {
  it.each(places.filter((place) => place < 100))('at %i % leaves nothing', async (place) => {
    const { signal, cancel } = cancellation();
    const job = await bench.stage(content);
    const run = bench.run(job, { signal, onProgress: (percent) => void (percent >= place && cancel()) });
    await expect(run).rejects.toThrow('cancelled');
    expect(await bench.remains()).toEqual(nothing);
  });

  it('but not for itself: a shutdown, a time-out and a lost lease leave the file for the next run', async () => {
    const stop = new AbortController();
    const job = await bench.stage(content);
    const onProgress = (percent: number) => void (percent >= 80 && stop.abort(new RunStopped('shutdown', 'shutdown')));
    await expect(bench.run(job, { signal: stop.signal, onProgress })).rejects.toThrow('shutdown');
    expect(await bench.remains()).toMatchObject({
      published: 0,
      files: [`datasets/${job.organizationId}/${job.jobId}`],
      unsettled: 1,
    });
    await bench.run(job, { token: 2 });
    expect(await bench.remains()).toMatchObject({ published: 1, rows: 12_000, unsettled: 0 });
  });
});

describe('the same content again', () => {
  it('becomes a pointer to the dataset that is there', async () => {
    const first = await bench.stage(content);
    await bench.run(first);
    const again = await bench.run(await bench.stage(content, { fileName: 'another name.csv' }));
    expect(again.summary).toMatchObject({ datasetId: first.jobId, duplicateOf: first.jobId, rows: 12_000 });
    expect(again.subject).toEqual({ type: 'dataset', id: first.jobId });
    expect(await bench.remains()).toMatchObject({
      datasets: 1,
      rows: 12_000,
      files: [`datasets/${first.organizationId}/${first.jobId}`],
      unsettled: 0,
    });
  });

  it('five times at once leaves one dataset', async () => {
    const jobs = await Promise.all(Array.from({ length: 5 }, () => bench.stage(content)));
    const runs = await Promise.all(jobs.map((job) => bench.run(job)));
    const originals = runs.filter(({ summary }) => !summary.duplicateOf);
    expect(originals).toHaveLength(1);
    for (const { summary, subject } of runs) {
      expect(summary.datasetId).toBe(originals[0]!.summary.datasetId);
      expect(subject).toEqual({ type: 'dataset', id: summary.datasetId });
    }
    expect(await bench.remains()).toMatchObject({ datasets: 1, published: 1, rows: 12_000, unsettled: 0 });
    expect((await bench.remains()).files).toHaveLength(1);
  });

  it('in another organisation is that organisation’s own', async () => {
    await bench.run(await bench.stage(content));
    const { summary } = await bench.run(await bench.stage(content, { organizationId: bench.organizations.B }));
    expect(summary.duplicateOf).toBeUndefined();
    expect(await bench.remains()).toMatchObject({ datasets: 2, rows: 24_000 });
  });
});
