import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import { Database, rowsOf, type Transaction } from '../platform/database/index.js';
import type { Principal } from '../platform/http/index.js';
import type { JobExportQueryDto } from './job-list-query.dto.js';
import { withinReachOf } from './job-scope.js';
import { nextIds } from './job-search.js';

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
        if (own && filter.organizationId && filter.organizationId !== own) return { rows: [], after: null };
        const position = { oldestFirst: sort === 'createdAt', limit: pageRows, ...(after && { after }) };
        const found = await nextIds(tx, { ...filter, ...(own && { organizationId: own }) }, position);
        return { rows: await cellsOf(tx, found.ids), after: found.after };
      });
      if (page.rows.length > 0) yield csvOf(page.rows);
      after = page.after;
    }
  }
}

type Cell = string | number | Date | null;

/** Names in the header, and where each stands in the view. */
const columns = {
  id: 'id',
  organizationId: 'organization_id',
  queue: 'queue',
  jobType: 'job_type',
  status: 'status',
  priority: 'priority',
  progress: 'progress',
  createdAt: 'created_at',
  runAt: 'run_at',
  startedAt: 'started_at',
  completedAt: 'completed_at',
  nextRetryAt: 'next_retry_at',
  retryCount: 'retry_count',
  maxRetries: 'max_retries',
  errorCode: 'error_code',
  errorMessage: 'error_message',
  cancelReason: 'cancel_reason',
  tags: `array_to_string(tags, ' ')`,
  subjectType: 'subject_type',
  subjectId: 'subject_id',
  createdBy: 'created_by',
  worker: 'worker',
};

/** In the order of the ids. Not through the entity: to make a million of them would take longer than to read and write them. */
async function cellsOf(tx: Transaction, ids: readonly string[]): Promise<Cell[][]> {
  if (ids.length === 0) return [];
  const named = Object.entries(columns).map(([name, column]) => `${column} as "${name}"`);
  const text = `select ${named.join(', ')} from background_job_view where id = any ($1)`;
  const byId = new Map((await rowsOf<Record<string, Cell>>(tx, text, [ids])).map((row) => [row.id as string, row]));
  return ids
    .map((id) => byId.get(id))
    .filter((row) => row !== undefined)
    .map((row) => Object.keys(columns).map((name) => row[name]!));
}

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
