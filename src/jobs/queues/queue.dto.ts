/** Queues as an administrator sees and sets them. */
import { OmitType } from '@nestjs/swagger';
import { PageQuery } from '../../platform/http/index.js';
import { Limit, PauseDto, Weight } from '../controls/control.dto.js';

export class QueueDto {
  /** @example imports */
  name!: string;
  /** Jobs that nothing but their organisation's share and this queue's limits withhold. */
  ready!: number;
  /** Jobs whose time has not come: future ones and retries. */
  later!: number;
  /** Jobs that wait for their parents, their batch, their type's limits or pause, or their concurrency key. */
  held!: number;
  running!: number;
  /** Since when the ready job waits that has waited longest, of those whose turn it is in their organisations. */
  oldestReadySince!: Date | null;
  /** Jobs of the queue that may run at once, in the whole installation; null: as many as the workers have slots. */
  maxRunning!: number | null;
  /** Jobs of the queue that may start in any 60 seconds. */
  perMinute!: number | null;
  pause!: PauseDto | null;
}

export class QueuesDto {
  queues!: QueueDto[];
}

/** What is left out stays as it is; null removes the limit. */
export class ChangeQueueDto {
  @Limit()
  maxRunning?: number | null;

  @Limit()
  perMinute?: number | null;
}

/** One organisation's part of a queue. What is null here is as the organisation has it over all queues (its job controls). */
export class QueueShareDto {
  organizationId!: string;
  /** @example Acme */
  organizationName!: string;
  /** Of its turns: with weights 3 and 1 one organisation starts three jobs for each of the other's. */
  weight!: number | null;
  maxRunning!: number | null;
  perMinute!: number | null;
}

export class QueueSharesDto {
  shares!: QueueShareDto[];
  total!: number;
}

export class QueueShareQueryDto extends OmitType(PageQuery, ['cursor'] as const) {}

/** What is left out stays as it is; null: as the organisation has it over all queues. */
export class ChangeQueueShareDto {
  @Weight()
  weight?: number | null;

  @Limit()
  maxRunning?: number | null;

  @Limit()
  perMinute?: number | null;
}
