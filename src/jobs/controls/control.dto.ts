/** What the controls of queues, job types and organisations have in common: limits, and pauses that say who and why. */
import { applyDecorators } from '@nestjs/common';
import { IsInt, IsNumber, IsOptional, IsString, Length, Max, Min } from 'class-validator';

/** A field that is left out stays as it is; null removes the limit. */
export const Limit = (least = 0, most = 1_000_000) => applyDecorators(IsOptional(), IsInt(), Min(least), Max(most));

/** Never below 1: a turn is weight × a whole number of jobs. */
export const Weight = () => applyDecorators(IsOptional(), IsNumber({ maxDecimalPlaces: 2 }), Min(1), Max(1_000));

export class PauseRequestDto {
  /**
   * Kept with the pause, and told to everybody who asks why a job does not run.
   * @example the warehouse moves tonight
   */
  @IsString()
  @Length(1, 500)
  reason!: string;
}

/** Who pauses; the name is null for somebody outside the reader's organisation. */
export class PausedByDto {
  id!: string;
  /** @example Ada Lovelace */
  name!: string | null;
}

export class PauseDto {
  since!: Date;
  by!: PausedByDto | null;
  /** @example the warehouse moves tonight */
  reason!: string | null;
}
