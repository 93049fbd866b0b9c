import { Inject, Injectable } from '@nestjs/common';
import { DiscardJob, type JobContext } from '@carillon/job-engine';
import type { Readable } from 'node:stream';
import { Database, type Transaction } from '../platform/database/index.js';
import type { Dataset } from './dataset.entity.js';
import { type DatasetFacts, datasets, isContentTaken, rowsPerTransaction, type RunOf } from './dataset.repository.js';
import { datasetName } from './file-name.js';
import { FileMissing, STORAGE, type Storage, storageKey, type StorageKey } from './storage/index.js';
import type { Upload } from './upload.entity.js';
import { uploads } from './upload.repository.js';

/** What a run needs of its context. */
export type RunContext = Pick<JobContext, 'jobId' | 'organizationId' | 'fencingToken'>;

export type DraftOrDataset = { draft: DatasetDraft; published?: undefined } | { draft?: undefined; published: Dataset };

/** A later run of the same job has taken over: whatever this one still does counts for nothing. */
export class RunSuperseded extends Error {
  constructor(datasetId: string) {
    super(`a later run makes dataset ${datasetId} now`);
  }
}

@Injectable()
export class DatasetDrafts {
  constructor(
    private readonly database: Database,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  /**
   * Takes up the job's dataset for this run, and clears away what an earlier run had written. A dataset that is already published — the worker
   * was lost between publishing and saying so — is answered as it is.
   */
  async take(uploadId: string, ctx: RunContext): Promise<DraftOrDataset> {
    const { organizationId, jobId: id, fencingToken: run } = ctx;
    const taken = await this.database.withOrganization(organizationId, async (tx) => {
      const published = await datasets.find(tx, id);
      if (published) return { published };
      const upload = await uploads.find(tx, uploadId);
      // a job that somebody made by hand for another job's upload would take its file away
      if (upload?.jobId !== id) throw new DiscardJob(`There is no upload ${uploadId} for this job.`, 'upload_missing');
      const { fileName, bytes, sha256, createdBy } = upload;
      const name = datasetName(fileName);
      if (
        !(await datasets.takeDraft(tx, { id, organizationId, uploadId, run, name, fileName, bytes, sha256, createdBy }))
      )
        throw new RunSuperseded(id);
      return { upload };
    });
    if (taken.published) return { published: taken.published };
    const draft = new DatasetDraft(this.database, this.storage, taken.upload, ctx);
    await draft.clearRows({ ofOthers: true });
    return { draft };
  }

  /** Removes a draft that no run will finish, with its rows. Its file stays: `settle` decides about that. */
  async forsake({ organizationId, ...draft }: RunOf & { organizationId: string }): Promise<void> {
    await clearRows(this.database, organizationId, draft);
    await this.database.withOrganization(organizationId, (tx) => datasets.deleteDraft(tx, draft));
  }

  /** Removes the file of an upload whose job will not come for it; that of a published dataset stays. */
  async settle({ id, organizationId, jobId }: Pick<Upload, 'id' | 'organizationId' | 'jobId'>): Promise<void> {
    const published = await this.database.withOrganization(organizationId, (tx) => datasets.find(tx, jobId));
    await this.storage.remove(storageKey('staging', organizationId, id));
    if (!published) await this.storage.remove(storageKey('datasets', organizationId, jobId));
    await this.database.withOrganization(organizationId, (tx) => uploads.settle(tx, id));
  }
}

/** One run's unpublished dataset and its file: every write carries the run, and is refused once a later run has taken over. */
export class DatasetDraft {
  private readonly id: RunOf;
  private readonly staged: StorageKey;
  private readonly kept: StorageKey;

  constructor(
    private readonly database: Database,
    private readonly storage: Storage,
    readonly upload: Upload,
    private readonly ctx: RunContext,
  ) {
    this.id = { datasetId: ctx.jobId, run: ctx.fencingToken };
    this.staged = storageKey('staging', ctx.organizationId, upload.id);
    this.kept = storageKey('datasets', ctx.organizationId, ctx.jobId);
  }

  /** The uploaded bytes, wherever an earlier run has left them. */
  async openFile(length?: number): Promise<Readable> {
    for (const key of [this.kept, this.staged]) {
      try {
        return await this.storage.open(key, length);
      } catch (error) {
        if (!(error instanceof FileMissing)) throw error;
      }
    }
    throw new DiscardJob(
      `The file "${this.upload.fileName}" is no longer kept: files of failed imports are removed after some days. Upload it again.`,
      'upload_missing',
    );
  }

  /** The published dataset with the same content, if there is one. */
  original(): Promise<Dataset | null> {
    return this.transact((tx) => datasets.original(tx, { id: this.id.datasetId, sha256: this.upload.sha256 }));
  }

  /** Moves the file from the staging area to where it stays; done before, it is done. */
  async keepFile(): Promise<void> {
    await this.storage.move(this.staged, this.kept);
  }

  /** `json`: an array of rows, each an array of values, at most 10,000. `first`: the number of the first of them. */
  async insertRows(first: number, json: string): Promise<void> {
    const written = await this.transact((tx) => datasets.insertRows(tx, this.id, first, json));
    if (written === 0) throw new RunSuperseded(this.id.datasetId);
  }

  /** Makes the dataset visible, in one transaction that checks the run. False when the same content was published meanwhile. */
  async publish(facts: DatasetFacts): Promise<boolean> {
    try {
      const done = await this.transact(async (tx) => {
        await uploads.settle(tx, this.upload.id);
        return datasets.publish(tx, this.id, facts);
      });
      if (!done) throw new RunSuperseded(this.id.datasetId);
      return true;
    } catch (error) {
      if (isContentTaken(error)) return false;
      throw error;
    }
  }

  /** Leaves nothing of the import: rows, draft, file. Nothing happens when a later run has taken over. */
  async abandon(): Promise<void> {
    await this.clearRows({ ofOthers: false });
    const mine = await this.transact((tx) => datasets.deleteDraft(tx, this.id));
    if (!mine) return;
    await this.storage.remove(this.staged);
    await this.storage.remove(this.kept);
    await this.transact((tx) => uploads.settle(tx, this.upload.id));
  }

  clearRows({ ofOthers }: { ofOthers: boolean }): Promise<void> {
    return clearRows(this.database, this.ctx.organizationId, this.id, ofOthers);
  }

  private transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.database.withOrganization(this.ctx.organizationId, work);
  }
}

/** As many transactions as it takes, each within the bound. */
async function clearRows(database: Database, organizationId: string, draft: RunOf, ofOthers = false): Promise<void> {
  let deleted: number;
  do deleted = await database.withOrganization(organizationId, (tx) => datasets.deleteRows(tx, draft, ofOthers));
  while (deleted === rowsPerTransaction);
}
