import { IsUUID } from 'class-validator';
import { DiscardJob, type Job, type JobContext, RunStopped } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import type { DatasetFormat } from './dataset.entity.js';
import type { DatasetFacts } from './dataset.repository.js';
import { type DatasetDraft, DatasetDrafts } from './dataset-draft.js';
import { detectFormat, headBytes } from './formats/detect-format.js';
import { ByteSurvey } from './formats/encoding.js';
import { type Format, UnreadableFile } from './formats/format.js';
import type { Column } from './formats/schema.js';
import { openTable } from './formats/table-reader.js';
import { counted, type ImportSummary, most, summaryOf } from './import-summary.js';
import { RowBatcher } from './row-batches.js';
import { TableSurvey } from './table-survey.js';
import { bytesOf, textOf } from './upload-text.js';

export class ImportDatasetPayload {
  /** The staged upload. */
  @IsUUID()
  uploadId!: string;
}

/**
 * Turns an uploaded file into a dataset. Safe to run again at any point: the dataset's id is the job's id, its rows carry the run that wrote
 * them, and only the run that holds the draft can write or publish. The file is read three times — bytes, types, rows — so that memory
 * stays flat and no row is stored before the whole file is known to be good.
 */
@JobHandler('dataset.import', { queue: 'imports', maxRetries: 3, timeoutSeconds: 3_600, payload: ImportDatasetPayload })
export class ImportDataset implements Job<ImportDatasetPayload, ImportSummary> {
  constructor(private readonly drafts: DatasetDrafts) {}

  async run({ uploadId }: ImportDatasetPayload, ctx: JobContext): Promise<ImportSummary> {
    const { draft, published } = await this.drafts.take(uploadId, ctx);
    if (!draft) return finish(published.fileName, published, ctx);
    try {
      return await this.import(draft, ctx);
    } catch (error) {
      if (error instanceof UnreadableFile || error instanceof DiscardJob || isCancelled(ctx.signal))
        await draft.abandon();
      throw error instanceof UnreadableFile ? refusalOf(draft.upload.fileName, error) : error;
    }
  }

  private async import(draft: DatasetDraft, ctx: JobContext): Promise<ImportSummary> {
    const format = await recognise(draft, ctx);
    ctx.log('info', `recognised ${describe(format)}`, formatFacts(format));
    await ctx.progress(10, `recognised ${describe(format)}`);
    if (await draft.original()) return linkToOriginal(draft, ctx);
    await ctx.progress(20, 'no earlier dataset has this content');
    await draft.keepFile();
    await ctx.progress(40, 'file kept');
    const { columns, survey } = await surveyTable(draft, format, ctx);
    const parsed = `parsed ${counted(survey.goodCount, 'row')} of ${counted(columns.length, 'column')}`;
    ctx.log('info', `${parsed}, ${survey.badCount} bad`, { columns: columns.slice(0, most.columns) });
    for (const bad of survey.badRows.slice(0, most.badRows)) ctx.log('warn', 'a bad row is left out', bad);
    await ctx.progress(70, `${parsed}, ${survey.badCount} bad`);
    await storeRows(draft, format, columns, survey.goodCount, ctx);
    await ctx.progress(90, 'rows stored');
    const facts: DatasetFacts = {
      format: formatFacts(format),
      columns,
      rowCount: survey.goodCount,
      badRowCount: survey.badCount,
      badRowSamples: survey.badRows,
    };
    ctx.signal.throwIfAborted();
    if (!(await draft.publish(facts))) return linkToOriginal(draft, ctx);
    return finish(draft.upload.fileName, { id: ctx.jobId, ...facts }, ctx);
  }
}

/** Reads all bytes once: the head says what the file is, the rest whether its encoding holds to the end. */
async function recognise(draft: DatasetDraft, ctx: JobContext): Promise<Format> {
  const survey = new ByteSurvey();
  const head: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytesOf(await draft.openFile(), ctx.signal)) {
    if (length < headBytes) head.push(chunk.subarray(0, headBytes - length));
    length += chunk.length;
    survey.add(chunk);
  }
  const { fileName } = draft.upload;
  return detectFormat({ bytes: Buffer.concat(head), complete: length <= headBytes, survey: survey.end(), fileName });
}

async function surveyTable(
  draft: DatasetDraft,
  format: Format,
  ctx: JobContext,
): Promise<{ columns: Column[]; survey: TableSurvey }> {
  const reader = openTable(format);
  const survey = new TableSurvey(reader);
  for await (const { text, share } of textOf(await draft.openFile(), format.encoding, draft.upload.bytes, ctx.signal)) {
    survey.add(reader.write(text));
    report(ctx, 40 + 30 * share, `read ${survey.goodCount + survey.badCount} rows`);
  }
  survey.add(reader.end());
  return { columns: survey.end(), survey };
}

async function storeRows(
  draft: DatasetDraft,
  format: Format,
  columns: readonly Column[],
  total: number,
  ctx: JobContext,
): Promise<void> {
  const reader = openTable(format);
  const batcher = new RowBatcher(reader, columns);
  const store = async (batches: Iterable<{ first: number; count: number; json: string }>) => {
    for (const { first, count, json } of batches) {
      ctx.signal.throwIfAborted();
      await draft.insertRows(first, json);
      report(ctx, 70 + (20 * (first + count - 1)) / total, `stored ${first + count - 1} of ${total} rows`);
    }
  };
  for await (const { text } of textOf(await draft.openFile(), format.encoding, draft.upload.bytes, ctx.signal))
    await store(batcher.add(reader.write(text)));
  await store(batcher.add(reader.end()));
  await store(batcher.end());
}

/** The content is a dataset already: this import becomes a pointer to it. */
async function linkToOriginal(draft: DatasetDraft, ctx: JobContext): Promise<ImportSummary> {
  const original = await draft.original();
  if (!original)
    throw new Error('the dataset with the same content was there and is gone; the next attempt makes its own');
  await draft.abandon();
  ctx.log('info', 'the same content is a dataset already', { duplicateOf: original.id });
  return { ...(await finish(draft.upload.fileName, original, ctx)), duplicateOf: original.id };
}

async function finish(
  fileName: string,
  dataset: Parameters<typeof summaryOf>[1],
  ctx: JobContext,
): Promise<ImportSummary> {
  ctx.setSubject('dataset', dataset.id);
  await ctx.progress(100, 'dataset ready');
  return summaryOf(fileName, dataset);
}

/** Between the steps, not awaited: the latest wins, and a report that is lost is made good by the next. */
function report(ctx: JobContext, percent: number, message: string): void {
  ctx.progress(Math.floor(percent), message).catch(() => undefined);
}

const formatFacts = ({ name, encoding, delimiter }: Format): DatasetFormat => ({ name, encoding, delimiter });

const delimiterNames = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars' } as const;
const describe = ({ name, encoding, delimiter }: Format) =>
  `${name.toUpperCase()} in ${encoding}${delimiter ? `, separated by ${delimiterNames[delimiter]}` : ''}`;

/** Time-outs, lost leases and shutdowns fire the signal too, but then the import runs again. */
const isCancelled = ({ reason }: AbortSignal) => reason instanceof RunStopped && reason.kind === 'cancel';

const refusalOf = (fileName: string, { message, code, badRows }: UnreadableFile) =>
  new DiscardJob(message, code, {
    summary: `${fileName} could not be imported`,
    ...(badRows.length > 0 && { badRowSamples: badRows.slice(0, most.badRows) }),
  });
