/** What is said of an event, in plain English; the channels bring it into their medium and escape it there. */
import type { Content } from '@carillon/notification-channels';
import { eventCatalogue, testEventType } from '../event-catalogue.js';
import type { EventRow } from '../planning/event.repository.js';

type Told = Pick<EventRow, 'type' | 'data' | 'occurredAt'>;

/** @param publicUrl where links begin */
export function contentOf(event: Told, publicUrl: string): Content {
  const template = templates[event.type] ?? anyEvent;
  const { subject, ...rest } = template(event, publicUrl.replace(/\/$/, ''));
  return { subject: line(subject, 200), ...rest };
}

type Template = (event: Told, publicUrl: string) => Content;

const templates: Readonly<Record<string, Template>> = {
  'job.completed': ({ data, occurredAt }, publicUrl) => ({
    subject: `Done: ${summaryOf(data)}`,
    paragraphs: [
      `${sentenceStart(subjectOf(data))} is done. It ended on ${instantOf(occurredAt)}${attemptsOf(data)}.`,
      ...(data.summary ? [`${summaryOf(data)}.`] : []),
      ...(data.datasetId ? [`Its dataset is ${line(data.datasetId, 100)}.`] : []),
    ],
    link: jobLink(data, publicUrl),
  }),
  'job.failed': ({ data, occurredAt }, publicUrl) => ({
    subject: `Failed: ${summaryOf(data)}`,
    paragraphs: [
      `${sentenceStart(subjectOf(data))} failed for good on ${instantOf(occurredAt)}${attemptsOf(data)}.`,
      `What went wrong: ${line(data.errorMessage || 'no error was given', 1_000)}`,
    ],
    link: jobLink(data, publicUrl),
  }),
  [testEventType]: ({ occurredAt }) => ({
    subject: 'Test message from Carillon',
    paragraphs: [
      `Somebody asked for this test on ${instantOf(occurredAt)}. Messages of this organisation reach you here.`,
    ],
  }),
};

const anyEvent: Template = ({ type, occurredAt }) => {
  const title = eventCatalogue.get(type)?.title ?? `Event ${line(type, 100)}`;
  return { subject: title, paragraphs: [`${title} on ${instantOf(occurredAt)}.`] };
};

/** What the job itself says of its outcome, else what it was. */
const summaryOf = (data: Record<string, unknown>) => (data.summary ? line(data.summary, 180) : subjectOf(data));

/** `the import of a dataset`, or the type's name where we have no words for it. */
function subjectOf(data: Record<string, unknown>): string {
  return data.jobType === 'dataset.import' ? 'the import of a dataset' : `the job ${line(data.jobType, 100)}`;
}

const sentenceStart = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const attemptsOf = ({ attempts }: Record<string, unknown>) =>
  typeof attempts === 'number' && attempts > 1 ? `, at its attempt ${attempts}` : '';

const jobLink = ({ jobId }: Record<string, unknown>, publicUrl: string) => ({
  label: 'The job',
  url: `${publicUrl}/api/v2/jobs/${encodeURIComponent(line(jobId, 100))}`,
});

/** 3 March 2026, 14:05 UTC */
const instantOf = (instant: Date) => `${dateFormat.format(instant)} UTC`;
const dateFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
});

/** What others wrote, as one line of bounded length. */
function line(value: unknown, length: number): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const flat = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
  return flat.length <= length ? flat : `${flat.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
