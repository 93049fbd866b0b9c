import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  ListMultipartUploadsCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../../platform/config/index.js';
import { FileMissing, type Storage, type StorageArea, type StorageKey, type StoredFile } from './storage.js';

/** CopyObject takes 5 GB at most; above it the bytes go through this process. */
const largestCopy = 5 * 1024 ** 3;

/** Files in a bucket of S3 or of what speaks it (MinIO). Upload holds at most four parts of 8 MiB in memory. */
export class S3Storage implements Storage {
  private readonly client: S3Client;
  private readonly bucket: string;

  constructor(settings: Config['storage']['s3']) {
    const { bucket, region, endpoint, credentials } = settings;
    this.bucket = bucket;
    this.client = new S3Client({
      region,
      ...(endpoint && { endpoint, forcePathStyle: true }),
      ...(credentials && { credentials: { ...credentials } }),
      // newer checksums by default are refused by older MinIO and other stores; the upload's own SHA-256 stands in `uploads`
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async put(key: StorageKey, source: Readable, signal?: AbortSignal): Promise<void> {
    // through a pipeline, so that a source that breaks off without an error (a hung-up client) is one
    const body = new PassThrough({ highWaterMark: 1_048_576 });
    const upload = new Upload({
      client: this.client,
      params: { Bucket: this.bucket, Key: key, Body: body, ContentType: 'application/octet-stream' },
      partSize: 8 * 1024 ** 2,
      queueSize: 4,
    });
    const fed = pipeline(source, body, { signal });
    const stored = upload.done().catch((error: unknown) => {
      body.destroy(error as Error);
      throw error;
    });
    // both are awaited: a broken source ends the upload, which takes its parts back before the error leaves here
    for (const end of await Promise.allSettled([fed, stored])) if (end.status === 'rejected') throw end.reason;
  }

  async open(key: StorageKey, length?: number): Promise<Readable> {
    const Range = length === undefined ? undefined : `bytes=0-${Math.max(0, length - 1)}`;
    const answer = await unless(404, () =>
      this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key, Range })),
    ).catch((error: unknown) => {
      if (statusOf(error) === 416) return { Body: Readable.from([]) }; // an empty object has no first byte
      throw error;
    });
    if (!answer) throw new FileMissing(key);
    return answer.Body as Readable;
  }

  async stat(key: StorageKey): Promise<StoredFile | undefined> {
    const head = await unless(404, () => this.client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key })));
    return head && { key, bytes: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
  }

  async move(from: StorageKey, to: StorageKey): Promise<void> {
    const source = await this.stat(from);
    if (source) await this.copy(from, to, source.bytes);
    else if (!(await this.stat(to))) throw new FileMissing(from);
    if (source) await this.remove(from);
  }

  async remove(key: StorageKey): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  async *list(area: StorageArea): AsyncIterable<StoredFile> {
    for await (const page of paginateListObjectsV2(
      { client: this.client },
      { Bucket: this.bucket, Prefix: `${area}/` },
    )) {
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key) yield { key: Key, bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
      }
    }
  }

  async removeUnfinished(before: Date): Promise<void> {
    const { Uploads = [] } = await this.client.send(new ListMultipartUploadsCommand({ Bucket: this.bucket }));
    for (const { Key, UploadId, Initiated } of Uploads) {
      const ours = Key?.startsWith('staging/') || Key?.startsWith('exports/');
      if (ours && Initiated && Initiated < before)
        await this.client.send(new AbortMultipartUploadCommand({ Bucket: this.bucket, Key, UploadId }));
    }
  }

  private async copy(from: StorageKey, to: StorageKey, bytes: number): Promise<void> {
    if (bytes > largestCopy) return this.put(to, await this.open(from));
    await this.client.send(
      new CopyObjectCommand({ Bucket: this.bucket, Key: to, CopySource: `${this.bucket}/${from}` }),
    );
  }
}

async function unless<T>(status: number, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (statusOf(error) === status) return undefined;
    throw error;
  }
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);
