import { IsOptional, IsString, MaxLength } from 'class-validator';
import { QueryInteger } from './parameters.js';

/** Extend it by the list's own filters. */
export class PageQuery {
  /** How many rows to leave out; for deep pages use the cursor. */
  @QueryInteger(0, 1_000_000)
  skip: number = 0;

  /** How many rows to answer, at most 200. */
  @QueryInteger(1, 200)
  limit: number = 50;

  /** `nextCursor` of the page before; opaque, and only good for the same list in the same order. */
  @IsOptional()
  @IsString()
  @MaxLength(1_024)
  cursor?: string;
}
