import { QueryFailedError } from 'typeorm';

/** The name of the constraint that a statement broke, if that is what went wrong. */
export function brokenConstraint(error: unknown): string | undefined {
  const driverError = error instanceof QueryFailedError ? error.driverError : error;
  return (driverError as { constraint?: string } | undefined)?.constraint;
}
