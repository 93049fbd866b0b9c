/** Sums of stored counts and histograms, and what is told of them. */
import { addStored, type Histogram, percentilesOf } from '@carillon/job-engine';
import type { EndedJobsDto, JobStatisticsPointDto, PercentilesDto } from './job-statistics.dto.js';
import type { FiguresRow } from './statistics-queries.js';

const outcomes = ['completed', 'failed', 'cancelled', 'retried', 'lost'] as const;

/** Adds up rows of any hours, days, queues and types. */
export class Tally {
  readonly counts = { completed: 0, failed: 0, cancelled: 0, retried: 0, lost: 0 };
  private readonly wait: Histogram = new Map();
  private readonly run: Histogram = new Map();

  add(row: FiguresRow): void {
    for (const outcome of outcomes) this.counts[outcome] += row[outcome];
    addStored(this.wait, row.wait);
    addStored(this.run, row.run);
  }

  get ended(): number {
    return this.counts.completed + this.counts.failed + this.counts.cancelled;
  }

  /** `minutes`: what of the period has passed. */
  figures(minutes: number): EndedJobsDto {
    const { completed, failed, cancelled, retried, lost } = this.counts;
    return {
      total: this.ended,
      counts: { completed, failed, cancelled },
      retried,
      lost,
      successRate: completed + failed === 0 ? null : completed / (completed + failed),
      throughputPerMinute: minutes > 0 ? Math.round((this.ended / minutes) * 1_000) / 1_000 : 0,
      ...this.times(),
    };
  }

  point(at: Date): JobStatisticsPointDto {
    return { at, ...this.counts, ...this.times() };
  }

  private times() {
    return { waitMilliseconds: told(this.wait), runMilliseconds: told(this.run) };
  }
}

/** One tally for each name, most ended first. */
export function talliedBy<R extends FiguresRow>(rows: readonly R[], nameOf: (row: R) => string): [string, Tally][] {
  const tallies = new Map<string, Tally>();
  for (const row of rows) {
    const name = nameOf(row);
    if (!tallies.has(name)) tallies.set(name, new Tally());
    tallies.get(name)!.add(row);
  }
  return [...tallies].toSorted(([, a], [, b]) => b.ended - a.ended);
}

function told(histogram: Histogram): PercentilesDto | null {
  const values = percentilesOf(histogram, [0.5, 0.95, 0.99]);
  if (!values) return null;
  const [p50, p95, p99] = values.map((ms) => Math.round(ms * 100) / 100);
  return { p50: p50!, p95: p95!, p99: p99! };
}
