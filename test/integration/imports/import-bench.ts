/** Runs the import's handler itself, with a context of the test's making: cut off, cancelled or held up at any step. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { type JobContext, RunStopped } from '@carillon/job-engine';
import { DatasetDrafts } from '../../../src/imports/dataset-draft.js';
import { ImportDataset } from '../../../src/imports/import-dataset.js';
import { LocalStorage } from '../../../src/imports/storage/local-storage.js';
import { storageKey } from '../../../src/imports/storage/index.js';
import { uploads } from '../../../src/imports/upload.repository.js';
import { Database } from '../../../src/platform/database/index.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';

export interface ImportJob {
  jobId: string;
  uploadId: string;
  organizationId: string;
}

export interface RunOptions {
  token?: number;
  signal?: AbortSignal;
  /** Called at each report; what it throws ends the run there, as a lost connection would. */
  onProgress?: (percent: number) => void | Promise<void>;
}

export interface ImportBench extends Pick<TestApp, 'organizations' | 'db'> {
  storage: LocalStorage;
  drafts: DatasetDrafts;
  database: Database;
  /** Stages the content and makes its upload, as the intake does. */
  stage(content: string | Buffer, more?: { fileName?: string; organizationId?: string }): Promise<ImportJob>;
  run(job: ImportJob, options?: RunOptions): Promise<Run>;
  /** What is stored anywhere: rows of each table and files. */
  remains(): Promise<{ datasets: number; published: number; rows: number; files: string[]; unsettled: number }>;
  close(): Promise<void>;
}

export interface Run {
  summary: Awaited<ReturnType<ImportDataset['run']>>;
  subject: { type: string; id: string } | undefined;
  /** Every report, in order. */
  reports: number[];
  /** What it logged. */
  lines: string[];
}

export async function openImportBench(): Promise<ImportBench> {
  const app = await createTestApp();
  const root = mkdtempSync(path.join(os.tmpdir(), 'carillon-imports-'));
  const storage = new LocalStorage(root);
  const database = app.app.get(Database);
  const drafts = new DatasetDrafts(database, storage);
  const { organizations, db } = app;
  return {
    organizations,
    db,
    storage,
    drafts,
    database,
    async stage(content, { fileName = 'upload.csv', organizationId = organizations.A } = {}) {
      const [uploadId, jobId] = [uuidv7(), uuidv7()];
      const bytes = Buffer.from(content as string);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await storage.put(storageKey('staging', organizationId, uploadId), Readable.from([bytes]));
      const upload = {
        id: uploadId,
        organizationId,
        jobId,
        fileName,
        contentType: null,
        bytes: bytes.length,
        sha256,
        createdBy: null,
      };
      await database.withOrganization(organizationId, (tx) => uploads.insert(tx, upload));
      return { jobId, uploadId, organizationId };
    },
    async run(job, options = {}) {
      const reports: number[] = [];
      const lines: string[] = [];
      let subject: Run['subject'];
      const context = {
        ...job,
        fencingToken: String(options.token ?? 1),
        signal: options.signal ?? new AbortController().signal,
        log: (_level: string, text: string) => void lines.push(text),
        setSubject: (type: string, id: string) => void (subject = { type, id }),
        async progress(percent: number) {
          reports.push(percent);
          await options.onProgress?.(percent);
        },
      };
      const summary = await new ImportDataset(drafts).run({ uploadId: job.uploadId }, context as unknown as JobContext);
      return { summary, subject, reports, lines };
    },
    async remains() {
      const { rows } = await db.owner.query(
        `select (select count(*)::int from datasets) datasets, (select count(*)::int from datasets where published_at is not null) published,
                (select count(*)::int from dataset_rows) rows, (select count(*)::int from uploads where settled_at is null) unsettled`,
      );
      const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [];
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
      return { ...rows[0], files };
    },
    async close() {
      await app.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A signal that fires with the reason of the engine's cancel. */
export function cancellation(): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    cancel: () => controller.abort(new RunStopped('cancel', 'cancelled')),
  };
}

/** `rows` rows of three columns; `seed` makes the content another. */
export function sampleCsv(rows: number, seed = ''): string {
  const lines = ['id,name,amount'];
  for (let i = 1; i <= rows; i++) lines.push(`${i},"Name ${i}, ${seed}",${i / 4}`);
  return `${lines.join('\n')}\n`;
}
