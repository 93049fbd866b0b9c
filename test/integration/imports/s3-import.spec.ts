/** An import and an export on S3 from end to end: upload, job, file kept, download. */
import { openImportClient } from './import-client.js';
import { S3StandIn } from './s3-stand-in.js';

it('imports and exports with the files on S3', async () => {
  const s3 = new S3StandIn();
  const endpoint = await s3.start();
  const app = await openImportClient({
    STORAGE_DRIVER: 's3',
    S3_BUCKET: 'carillon',
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY_ID: 'key',
    S3_SECRET_ACCESS_KEY: 'secret',
  });
  try {
    const content = 'id,name\n1,a\n2,b\n';
    const job = await app.imported(content);
    expect(job).toMatchObject({ status: 'completed', result: { rows: 2 } });
    const key = `datasets/${app.organizations.A}/${job.id}`;
    expect([...s3.objects.keys()]).toEqual([key]);
    expect(s3.objects.get(key)!.bytes.toString()).toBe(content);
    expect(await app.imported(content)).toMatchObject({ status: 'completed', result: { duplicateOf: job.id } });
    expect([...s3.objects.keys()]).toEqual([key]);

    const { body } = await app.as('Member').request('POST', `/api/v2/datasets/${job.id}/export`);
    const { job: written } = await app.follow(body.job.id);
    const file = await app.as('Member').request('GET', written.result.downloadPath);
    expect([file.status, file.body.replace('\ufeff', '')]).toEqual([200, 'id,name\r\n1,a\r\n2,b\r\n']);
    expect(app.storedFiles()).toEqual([]);
  } finally {
    await app.close();
    await s3.stop();
  }
});
