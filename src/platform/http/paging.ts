/** The conventions of every list: `skip`/`limit`, an opaque cursor, and a total that costs no full count. */
import { createHash } from 'node:crypto';
import { badRequest } from './problem.js';

export interface Total {
  total: number;
  /** Present when there are more than 10,000: `total` is then a lower bound. */
  totalIsEstimate?: true;
}

const exactUpTo = 10_000;

/** Counts the rows of `select` (any one column), but never more than 10,001 of them. Answers one row `{ counted }`. */
export const boundedCount = (select: string) =>
  `select count(*)::int as counted from (${select} limit ${exactUpTo + 1}) as bounded`;

export const totalOf = (counted: number): Total =>
  counted > exactUpTo ? { total: exactUpTo, totalIsEstimate: true } : { total: counted };

/** Where the last row of a page stood: the values of the sort columns, as JSON. */
export type CursorPosition = readonly (string | number | boolean | null)[];

/**
 * `list` names the list and its order, so that a cursor is refused elsewhere. The checksum catches damage and
 * guesswork; it is no signature, as a position says nothing and opens nothing that the wall of the organisation does not.
 */
export function encodeCursor(list: string, position: CursorPosition): string {
  const content = JSON.stringify(position);
  return Buffer.from(checksum(list, content) + content).toString('base64url');
}

/** @throws Problem 400 when it is damaged, made up, or of another list */
export function decodeCursor(list: string, cursor: string): CursorPosition {
  const text = Buffer.from(cursor, 'base64url').toString();
  const content = text.slice(checksumLength);
  if (Buffer.from(text).toString('base64url') !== cursor || checksum(list, content) !== text.slice(0, checksumLength)) {
    throw badRequest([{ pointer: 'query/cursor', message: 'is not a cursor of this list: begin again without one' }]);
  }
  return JSON.parse(content) as CursorPosition;
}

const checksumLength = 12;
const checksum = (list: string, content: string) =>
  createHash('sha256').update(`${list}\n${content}`).digest('base64url').slice(0, checksumLength);
