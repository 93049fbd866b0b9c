/** Datasets over HTTP: written out again, and seen by nobody else. */
import { type ImportClient, openImportClient } from './import-client.js';

let app: ImportClient;
beforeAll(async () => {
  app = await openImportClient();
});
afterAll(() => app.close());

describe('datasets', () => {
  let id: string;
  beforeAll(async () => {
    const content = 'name,amount,note\n=1+1,-5,"a ""b"", c"\nÄ,2.5,\n';
    id = (await app.imported(content, 'export me.csv')).relatedDatasetId;
  });

  it('are written out as CSV that a spreadsheet opens without running anything', async () => {
    const { status, headers, body } = await app.as('Member').request('POST', `/api/v2/datasets/${id}/export`);
    expect([status, headers.get('location')]).toEqual([202, `/api/v2/jobs/${body.job.id}`]);
    const { job } = await app.follow(body.job.id);
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
