/** A client of imports: uploads, polls, and looks what lies in the storage. */
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Person } from '../../support/test-population.js';
import { createTestApp, type TestApp, type TestResponse } from '../../support/test-app.js';

export interface OwnJob {
  id: string;
  status: string;
  progress: number;
  errorCode: string | null;
  errorMessage: string | null;
  relatedDatasetId: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- looked into by expectations
  result: any;
}

export interface ImportClient extends TestApp {
  upload(content: string | Buffer, fileName?: string, person?: Person): Promise<TestResponse>;
  /** Polls as a client would, until the job has ended; answers every state it saw. */
  follow(jobId: string, person?: Person): Promise<{ job: OwnJob; seen: OwnJob[] }>;
  /** Uploads and follows. */
  imported(content: string | Buffer, fileName?: string): Promise<OwnJob>;
  storedFiles(): string[];
  /** What lies in the staging area once it has come to rest: a broken-off request has no answer to wait for. */
  leftInStaging(): Promise<string[]>;
}

export const formOf = (content: string | Buffer, fileName = 'upload.csv', field = 'file') => {
  const form = new FormData();
  form.append(field, new Blob([content]), fileName);
  return form;
};

/** The application with a worker, taking imports of at most 4,000,000 bytes unless told otherwise. */
export async function openImportClient(environment: Record<string, string> = {}): Promise<ImportClient> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'carillon-http-imports-'));
  const app = await createTestApp({
    worker: true,
    environment: { DATA_DIR: dataDir, IMPORT_MAX_BYTES: '4000000', ...environment },
  });
  const upload: ImportClient['upload'] = (content, fileName, person = 'Member') =>
    app.as(person).request('POST', '/api/v2/imports', { form: formOf(content, fileName) });
  const follow: ImportClient['follow'] = async (jobId, person = 'Member') => {
    const seen: OwnJob[] = [];
    for (const end = Date.now() + 25_000; ; await delay(10)) {
      const { status, body } = await app.as(person).request<OwnJob>('GET', `/api/v2/jobs/${jobId}`);
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      seen.push(body);
      if (body.status !== 'running') return { job: body, seen };
      if (Date.now() > end) throw new Error(`still ${body.status} at ${body.progress} %`);
    }
  };
  const storedFiles = () => {
    const root = path.join(dataDir, 'storage');
    const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [];
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  };
  const staged = () => storedFiles().filter((file) => /^(staging|incoming)/.test(file));
  return {
    ...app,
    upload,
    follow,
    storedFiles,
    async imported(content, fileName) {
      const { status, body } = await upload(content, fileName);
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return (await follow(body.job.id)).job;
    },
    async leftInStaging() {
      for (const end = Date.now() + 10_000; staged().length > 0 && Date.now() < end;) await delay(20);
      return staged();
    },
    async close() {
      await app.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
