/** What the engine refuses, told to those who asked over HTTP. */
import { BatchNotOpen, IdempotencyClash, RequestRefused, UniqueKeyHeld, UnknownParent } from '@carillon/job-engine';
import { Problem, unprocessable } from '../platform/http/index.js';

/**
 * For `.catch`: turns a refusal into its Problem, anything else goes on.
 * @param pointers where each request of the call stands in the body
 */
export function refusedOver(pointers: readonly string[]): (error: unknown) => never {
  return (error) => {
    throw problemOf(error, pointers) ?? error;
  };
}

function problemOf(error: unknown, pointers: readonly string[]): Problem | undefined {
  if (isTakenMeanwhile(error))
    return new Problem(409, 'unique_key_held', 'A worker took the job while it was to be replaced. Ask again.');
  if (!(error instanceof RequestRefused)) return undefined;
  const pointer = pointers[error.request] ?? '';
  if (error instanceof IdempotencyClash) return keyReused(error.jobId);
  if (error instanceof UniqueKeyHeld)
    return new Problem(409, 'unique_key_held', `The job was not created: ${error.message}.`, {
      errors: [{ pointer: `${pointer}/uniqueKey`, message: `is held by job ${error.jobId}` }],
    });
  if (error instanceof UnknownParent)
    return unprocessable([
      { pointer: `${pointer}/after/${error.index}`, message: `is no job of the organisation: ${error.parentId}` },
    ]);
  if (error instanceof BatchNotOpen)
    return unprocessable([
      {
        pointer: `${pointer}/batchId`,
        message:
          error.why === 'finished'
            ? 'has finished and takes no more jobs: create another batch'
            : 'is no batch of the organisation',
      },
    ]);
  return undefined;
}

/** A commit that failed because a worker claimed the job that was to be replaced (migration create-job-replacement). */
function isTakenMeanwhile(error: unknown): boolean {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: { code?: unknown } };
  return (driverError?.code ?? code) === 'CJ002';
}

const keyReused = (jobId: string) =>
  new Problem(
    422,
    'idempotency_key_reused',
    `This Idempotency-Key made the job ${jobId} from another body: take a fresh key for each request.`,
    { errors: [{ pointer: 'header/idempotency-key', message: 'was sent before with another body' }] },
  );
