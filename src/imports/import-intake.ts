import { Inject, Injectable } from '@nestjs/common';
import { createHash, type Hash } from 'node:crypto';
import { finished, type Readable, Transform } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import type { EnqueuedJob } from '@carillon/job-engine';
import { CONFIG, type Config } from '../platform/config/index.js';
import { Database } from '../platform/database/index.js';
import { JobQueue } from '../platform/queue/index.js';
import { displayName } from './file-name.js';
import { STORAGE, type Storage, storageKey } from './storage/index.js';
import { brokenForm, tooLarge } from './upload-problems.js';
import { uploads } from './upload.repository.js';

export interface ImportRequest {
  organizationId: string;
  /** The user or API key that asks; null for the system itself. */
  userId: string | null;
  /** As the client called it; shown, never used in a path. */
  fileName: string | undefined;
  contentType: string | undefined;
}

/** Takes a file in: streams it to the staging area, then makes its upload and its import job in one transaction. */
@Injectable()
export class ImportIntake {
  constructor(
    private readonly database: Database,
    private readonly queue: JobQueue,
    @Inject(STORAGE) private readonly storage: Storage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * `afterwards` runs once the file is stored and before anything is promised: what it throws takes the file back.
   * @throws Problem 400 when the stream breaks off, 413 when the stream is longer than `IMPORT_MAX_BYTES`
   */
  async accept(
    request: ImportRequest,
    stream: Readable,
    afterwards: () => Promise<void> = async () => {},
  ): Promise<EnqueuedJob> {
    const uploadId = uuidv7();
    const key = storageKey('staging', request.organizationId, uploadId);
    const gauge = new Gauge(this.config.storage.maxImportBytes);
    feed(stream, gauge);
    try {
      await this.storage.put(key, gauge);
    } catch (error) {
      throw gauge.errored ?? error;
    } finally {
      stream.unpipe(gauge).resume(); // what is not wanted is read on, or the client would never get to read the answer
    }
    try {
      await afterwards();
    } catch (error) {
      await this.storage.remove(key);
      throw error;
    }
    // if this fails, its commit may still have happened: the file is left to the sweep, which looks for the upload's row
    return this.enqueue(request, uploadId, gauge);
  }

  private enqueue(request: ImportRequest, uploadId: string, { bytes, sha256 }: Gauge): Promise<EnqueuedJob> {
    const { organizationId, userId } = request;
    const fileName = displayName(request.fileName);
    return this.database.withOrganization(organizationId, async (tx) => {
      const job = await this.queue.enqueue(tx, {
        organizationId,
        jobType: 'dataset.import',
        payload: { uploadId },
        ...(userId && { createdBy: userId }),
      });
      const contentType = request.contentType?.slice(0, 255) ?? null;
      await uploads.insert(tx, {
        id: uploadId,
        organizationId,
        jobId: job.id,
        fileName,
        contentType,
        bytes,
        sha256,
        createdBy: userId,
      });
      return job;
    });
  }
}

/**
 * A pipe that also passes on how the stream fails: a client that hangs up is an error of the upload, not the end of the file.
 * A small form can be read to its broken end before its file gets here; `finished` tells of that too, where listeners come too late.
 */
function feed(stream: Readable, gauge: Gauge): void {
  finished(stream, { writable: false }, (error) => error && gauge.destroy(brokenForm(error)));
  stream.pipe(gauge);
}

/** Counts and hashes what flows through it, and stops what is too much. */
class Gauge extends Transform {
  bytes = 0;
  private readonly hash: Hash = createHash('sha256');
  private digest: string | undefined;

  constructor(private readonly maxBytes: number) {
    super({ readableHighWaterMark: 262_144, writableHighWaterMark: 262_144 });
  }

  /** Hexadecimal; once all has flown through. */
  get sha256(): string {
    return (this.digest ??= this.hash.digest('hex'));
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null, data?: Buffer) => void,
  ): void {
    this.bytes += chunk.length;
    this.hash.update(chunk);
    if (this.bytes > this.maxBytes) done(tooLarge(this.maxBytes));
    else done(null, chunk);
  }
}
