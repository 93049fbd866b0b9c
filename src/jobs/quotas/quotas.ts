import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { Problem } from '../../platform/http/index.js';
import { organizationsWithQuota, type Quota, type Waiting, waitingOf } from './quota-statements.js';

/** Answers and counts are at most so old. */
const freshMs = 1_000;
const comeBackAfterSeconds = 5;

/**
 * How many jobs, and how many bytes of payload, of an organisation may wait. Soft: each process counts at most once a second, adds what it
 * has let in since, and knows of the others' with the next count. Organisations without a quota cost one look a second for all of them.
 */
@Injectable()
export class Quotas {
  private quotas = new Fresh<ReadonlyMap<string, Quota>>();
  private readonly counts = new Map<string, Fresh<Waiting>>();

  constructor(private readonly database: Database) {}

  /** @throws Problem 429 `quota_exceeded` where these would be too many */
  async admit(organizationId: string, orders: readonly { payload?: object }[]): Promise<void> {
    const quotas = await this.quotas.get(() => this.database.acrossOrganizations(organizationsWithQuota));
    const quota = quotas.get(organizationId);
    if (!quota) {
      this.counts.delete(organizationId);
      return;
    }
    const waiting = await this.countFor(organizationId).get(() =>
      this.database.withOrganization(organizationId, (tx) => waitingOf(tx, quota)),
    );
    const adds = { jobs: orders.length, bytes: orders.reduce((sum, order) => sum + bytesOf(order.payload), 0) };
    const exceeded = exceededBy(quota, waiting, adds);
    if (exceeded !== null)
      throw new Problem(429, 'quota_exceeded', exceeded, { headers: { 'retry-after': String(comeBackAfterSeconds) } });
    waiting.jobs += adds.jobs;
    waiting.bytes += adds.bytes;
  }

  private countFor(organizationId: string): Fresh<Waiting> {
    let count = this.counts.get(organizationId);
    if (!count) this.counts.set(organizationId, (count = new Fresh()));
    return count;
  }
}

/** What is wrong, or null where nothing is. */
export function exceededBy(quota: Quota, waiting: Waiting, adds: Waiting): string | null {
  const { maxQueued, maxQueuedBytes } = quota;
  const what = (limit: string, has: string, more: string) =>
    `The organisation's quota ${limit} is used up: ${has}, and this request adds ${more}. ` +
    `Wait until some have run, cancel some, or ask a SystemAdmin for a larger quota.`;
  if (maxQueued !== null && waiting.jobs + adds.jobs > maxQueued)
    return what(`of ${number(maxQueued)} waiting jobs (maxQueued)`, `${number(waiting.jobs)} wait`, number(adds.jobs));
  if (maxQueuedBytes !== null && waiting.bytes + adds.bytes > maxQueuedBytes)
    return what(
      `of ${number(maxQueuedBytes)} bytes of waiting payload (maxQueuedBytes)`,
      `${number(waiting.bytes)} bytes wait`,
      `${number(adds.bytes)} bytes`,
    );
  return null;
}

const number = (value: number) => value.toLocaleString('en');
const bytesOf = (payload: object | undefined) => Buffer.byteLength(JSON.stringify(payload ?? {}));

/** A value that is asked for again once it is too old, once for all who wait for it. */
class Fresh<T> {
  private askedAt = -Infinity;
  private value: Promise<T> | undefined;

  get(ask: () => Promise<T>): Promise<T> {
    const now = performance.now();
    if (this.value && now - this.askedAt < freshMs) return this.value;
    this.askedAt = now;
    const value = ask();
    this.value = value;
    value.catch(() => {
      if (this.value === value) this.value = undefined;
    });
    return value;
  }
}
