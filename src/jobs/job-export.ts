import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import { Database } from '../platform/database/index.js';
import type { Principal } from '../platform/http/index.js';
import type { JobExportQueryDto } from './job-list-query.dto.js';
import { jobsOf } from './job-queries.js';
import { withinReachOf } from './job-scope.js';
import { nextIds } from './job-search.js';
import type { JobDto } from './job.dto.js';

const pageRows = 1_000;
/** Excel takes UTF-8 for what it is only with the mark. */
const byteOrderMark = '\ufeff';

/** Lists of jobs as CSV files. */
@Injectable()
export class JobExport {
  constructor(private readonly database: Database) {}

  /**
   * A page at a time, when the reader has room for it, each in a transaction of its own: memory stays flat, no snapshot is held open
   * for minutes, and nothing is read for a reader who has gone. So a job that changes meanwhile is written as it was when its page was read.
   */
  csv(principal: Principal, query: JobExportQueryDto): Readable {
    return Readable.from(this.pages(principal, query), { objectMode: false, highWaterMark: 1 });
  }

  private async *pages(principal: Principal, { sort, ...filter }: JobExportQueryDto): AsyncGenerator<string> {
    yield byteOrderMark + csvOf([Object.keys(columns)]);
    for (let after: string | null | undefined; after !== null;) {
      const page = await withinReachOf(principal, this.database, async (tx, own) => {
        // somebody else's organisation holds nothing that is within reach
        if (own && filter.organizationId && filter.organizationId !== own) return { jobs: [], after: null };
        const position = { oldestFirst: sort === 'createdAt', limit: pageRows, ...(after && { after }) };
        const found = await nextIds(tx, { ...filter, ...(own && { organizationId: own }) }, position);
        return { jobs: await jobsOf(tx, found.ids), after: found.after };
      });
      if (page.jobs.length > 0) yield csvOf(page.jobs.map((job) => Object.values(columns).map((cell) => cell(job))));
      after = page.after;
    }
  }
}

type Cell = string | number | Date | null;

const columns: Record<string, (job: JobDto) => Cell> = {
  id: (job) => job.id,
  organizationId: (job) => job.organizationId,
  queue: (job) => job.queue,
  jobType: (job) => job.jobType,
  status: (job) => job.status,
  priority: (job) => job.priority,
  progress: (job) => job.progress,
  createdAt: (job) => job.createdAt,
  runAt: (job) => job.runAt,
  startedAt: (job) => job.startedAt,
  completedAt: (job) => job.completedAt,
  nextRetryAt: (job) => job.nextRetryAt,
  retryCount: (job) => job.retryCount,
  maxRetries: (job) => job.maxRetries,
  errorCode: (job) => job.errorCode,
  errorMessage: (job) => job.errorMessage,
  cancelReason: (job) => job.cancelReason,
  tags: (job) => job.tags.join(' '),
  subjectType: (job) => job.subject?.type ?? null,
  subjectId: (job) => job.subject?.id ?? null,
  createdBy: (job) => job.createdBy,
  worker: (job) => job.worker,
};

/** RFC 4180. Text that a spreadsheet would run as a formula gets a leading apostrophe (OWASP, "CSV Injection"); a number is no text, so −1 stays −1. */
const csvOf = (rows: Cell[][]): string =>
  stringify(rows, {
    record_delimiter: 'windows',
    escape_formulas: true,
    quoted_match: /[\r\n]/, // a bare CR begins a new row in some spreadsheets, and what follows could be a formula
    cast: {
      date: (value) => value.toISOString(),
      number: (value) => ({ value: String(value), escape_formulas: false }),
    },
  });
