/** Writes what running jobs say of themselves: progress and log lines of many jobs share a statement. */
import { LeaseLost } from './errors.js';
import { Gatherer } from './gatherer.js';
import { appendLog, type LogLine, type ProgressReport, storeProgress } from './job-store/index.js';
import type { EngineLog, Sql } from './ports.js';

export class TraceWriter {
  private readonly reports = new Gatherer<ProgressReport, void>((items) => this.writeProgress(items), {
    maxBatch: 10_000,
  });
  private readonly lines = new Gatherer<LogLine, void>((items) => this.writeLines(items), { maxBatch: 1_000 });

  constructor(
    private readonly sql: Sql,
    private readonly log: EngineLog,
  ) {}

  /**
   * Resolves once stored; of several reports of one run in a batch only the last is written.
   * @throws LeaseLost when the run is no longer the job's current one
   */
  report(report: ProgressReport): Promise<void> {
    return this.reports.add(report);
  }

  /** Resolves once stored, or given up: a log line is not worth a job. */
  append(line: LogLine): Promise<void> {
    return this.lines.add(line);
  }

  async idle(): Promise<void> {
    await Promise.all([this.reports.idle(), this.lines.idle()]);
  }

  private async writeProgress(reports: ProgressReport[]): Promise<(void | Error)[]> {
    const latest = new Map(reports.map((report) => [report.id, report]));
    const stored = await storeProgress(this.sql, [...latest.values()]);
    return reports.map((report) =>
      stored.has(report.id) ? undefined : new LeaseLost(`run ${report.run} of job ${report.id}`),
    );
  }

  private async writeLines(lines: LogLine[]): Promise<(void | Error)[]> {
    try {
      await appendLog(this.sql, lines);
    } catch (error) {
      this.log.warn(`${lines.length} log lines of jobs could not be stored: ${(error as Error).message}`);
    }
    return [];
  }
}
