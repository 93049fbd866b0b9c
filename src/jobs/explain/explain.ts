/** From the facts to the reasons. No clock, no database: what is not among the facts is not known. */
import type { PauseDto } from '../controls/control.dto.js';
import type { EstimateDto, ExplanationDto, ParentDto, ReasonCode, ReasonDto, UsedLimitDto } from './explanation.dto.js';
import type { EndedFacts, JobFacts, RunningFacts, Turn, WaitingFacts } from './job-facts.js';

export function explain(facts: JobFacts): ExplanationDto {
  const { jobId, state } = facts;
  if (state.is === 'queued') {
    const reasons = whyItWaits(facts, state);
    const turnAlone = reasons.length === 1 && reasons[0]!.code === 'waits_its_turn';
    return { jobId, status: state.is, reasons, estimate: turnAlone ? estimateOf(facts.now, state.turn!) : null };
  }
  const reasons = state.is === 'processing' ? whereItRuns(state) : [howItEnded(state)];
  return { jobId, status: state.is, reasons, estimate: null };
}

/** Fewer starts than these say nothing. */
const leastStarts = 5;

/** The job starts when those ahead of it have, at the speed at which its organisation's jobs started lately. */
export function estimateOf(now: Date, { ahead, recentStarts, recentSeconds }: Turn): EstimateDto | null {
  if (recentStarts < leastStarts || recentSeconds <= 0) return null;
  const seconds = ((ahead + 1) * recentSeconds) / recentStarts;
  return { startsAt: new Date(now.getTime() + Math.round(seconds * 1_000)), recentStarts, recentSeconds };
}

function howItEnded({ is, at, attempts, errorCode, errorMessage, cancelReason }: EndedFacts): ReasonDto {
  const after = `at ${at.toISOString()}, after ${counted(attempts, 'attempt')}`;
  if (is === 'completed') return { code: is, at, message: `It completed ${after}.` };
  if (is === 'cancelled') return { code: is, at, message: `It was cancelled ${after}${because(cancelReason)}` };
  const error = [errorCode && `[${errorCode}]`, errorMessage].filter(Boolean).join(' ');
  return { code: is, at, message: `It failed for good ${after}${because(error)} It runs again only if it is retried.` };
}

function whereItRuns({ since, worker, attempt, cancelRequestedAt }: RunningFacts): ReasonDto[] {
  const message = `It has been running since ${since.toISOString()} on ${worker}, attempt ${attempt}.`;
  const running: ReasonDto = { code: 'running', at: since, message };
  if (cancelRequestedAt === null) return [running];
  const asked = `It was told to stop at ${cancelRequestedAt.toISOString()}, and ends when its handler obeys or its grace is over.`;
  return [running, { code: 'cancel_requested', at: cancelRequestedAt, message: asked }];
}

/** In the order in which a person would have to clear them away. */
function whyItWaits(facts: JobFacts, job: WaitingFacts): ReasonDto[] {
  const reasons = [
    ...timeOf(facts, job),
    ...pausesOf(facts, job),
    ...parentsOf(job.parents),
    ...batchOf(job),
    ...job.limits.filter(({ used, most }) => used >= most).map(fullLimit),
    ...workersOf(facts, job),
  ];
  if (reasons.length > 0) return reasons;
  return [job.turn && job.standsIn === 'ready' ? turnOf(facts.queue, job.turn) : aboutToStart];
}

function timeOf({ now }: JobFacts, { dueAt, retryCount, maxRetries, lastError }: WaitingFacts): ReasonDto[] {
  if (dueAt <= now) return [];
  const at = dueAt.toISOString();
  if (retryCount === 0) return [{ code: 'scheduled', at: dueAt, message: `It is not to run before ${at}.` }];
  const retry = `It failed, and is tried again at ${at} (retry ${retryCount} of ${maxRetries})${because(lastError)}`;
  return [{ code: 'waits_for_retry', at: dueAt, message: retry }];
}

function pausesOf({ queue, jobType }: JobFacts, job: WaitingFacts): ReasonDto[] {
  const found: [ReasonCode, string, PauseDto | null][] = [
    ['queue_paused', `The queue "${queue}" has`, job.queuePause],
    ['organization_paused', `The jobs of its organisation have`, job.organizationPause],
    ['job_type_paused', `Jobs of the type "${jobType}" have`, job.typePause],
  ];
  return found.flatMap(([code, what, pause]) => {
    if (!pause) return [];
    const by = pause.by?.name ?? (pause.by ? 'an administrator' : 'somebody');
    const message = `${what} been paused since ${pause.since.toISOString()} by ${by}${because(pause.reason)}`;
    return [{ code, message, pause }];
  });
}

function parentsOf(parents: readonly ParentDto[]): ReasonDto[] {
  const open = parents.filter(({ status }) => status === 'queued');
  const lost = parents.filter(({ status }) => status === 'failed' || status === 'cancelled');
  const reasons: ReasonDto[] = [];
  if (open.length > 0)
    reasons.push({
      code: 'waits_for_parents',
      message: `It waits until ${counted(open.length, 'job')} ${open.length === 1 ? 'has' : 'have'} completed: ${namesOf(open)}.`,
      parents: open,
    });
  if (lost.length > 0)
    reasons.push({
      code: 'parent_will_not_complete',
      message:
        `It waits for ${namesOf(lost)}, which ended without completing. Retry ${lost.length === 1 ? 'that job' : 'those jobs'}, ` +
        `and this one runs once they have completed; or cancel this one.`,
      parents: lost,
    });
  return reasons;
}

function batchOf({ batch }: WaitingFacts): ReasonDto[] {
  if (!batch || batch.pending === 0) return [];
  const name = batch.name === null ? batch.id : `"${batch.name}"`;
  const left = `${batch.pending} of ${batch.total} have not`;
  return [
    { code: 'waits_for_batch', message: `It runs when all jobs of the batch ${name} have ended; ${left}.`, batch },
  ];
}

const limitSubjects: Record<UsedLimitDto['scope'], (name: string) => string> = {
  queue: (name) => `the queue "${name}"`,
  organization: () => `its organisation`,
  share: (name) => `its organisation in the queue "${name}"`,
  jobType: (name) => `the type "${name}"`,
  concurrencyKey: (name) => `the concurrency key "${name}" in its organisation`,
};

function fullLimit(limit: UsedLimitDto): ReasonDto {
  const subject = limitSubjects[limit.scope](limit.name);
  const { used, most } = limit;
  const message =
    limit.kind === 'runningAtOnce'
      ? `The limit of ${subject} is reached: ${counted(used, 'job')} of at most ${most} at once.`
      : `The limit of ${subject} is reached: ${counted(used, 'job')} of at most ${most} started within the last minute.`;
  return { code: 'limit_reached', message, limit };
}

function workersOf({ queue, jobType }: JobFacts, { workers, handled }: WaitingFacts): ReasonDto[] {
  const reasons: ReasonDto[] = [];
  if (workers.serving === 0) {
    const others =
      workers.alive === 0
        ? 'no worker is running at all'
        : `${counted(workers.alive, 'worker')} ${workers.alive === 1 ? 'serves' : 'serve'} others`;
    reasons.push({ code: 'no_worker', message: `No worker serves the queue "${queue}": ${others}.` });
  }
  if (!handled) {
    const message = `There is no handler for the type "${jobType}" in this release: it waits for a worker that has one.`;
    reasons.push({ code: 'no_handler', message });
  }
  return reasons;
}

function turnOf(queue: string, { ahead, organizations }: Turn): ReasonDto {
  const place = { ahead: Math.min(ahead, 10_000), organizations: Math.min(organizations, 1_000) };
  const jobs =
    ahead === 0 ? 'It is the next of its organisation' : `${bounded(ahead, 10_000)} of its organisation come first`;
  const shared =
    organizations > 1
      ? `, and ${bounded(organizations, 1_000, 'organisation')} take turns`
      : ', which has the queue to itself';
  return { code: 'waits_its_turn', message: `${jobs} in the queue "${queue}"${shared}.`, place };
}

const aboutToStart: ReasonDto = {
  code: 'about_to_start',
  message: 'Nothing withholds it: it goes with the next look, usually within a second.',
};

const because = (reason: string | null) => (reason ? `: ${reason.replace(/\.$/, '')}.` : '.');
const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const bounded = (count: number, most: number, noun = 'job') =>
  count > most ? `more than ${most} ${noun}s` : counted(count, noun);

function namesOf(parents: readonly ParentDto[]): string {
  const shown = parents.slice(0, 3).map(({ id, jobType, status }) => `${jobType} ${id} (${status})`);
  return parents.length > 3 ? `${shown.join(', ')} and ${parents.length - 3} more` : shown.join(', ');
}
