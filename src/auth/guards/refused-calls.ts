import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { recordRefusal } from '../../platform/audit/index.js';
import { CLOCK, type Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/index.js';
import { type Principal, Problem } from '../../platform/http/index.js';

const adminRoutes = /^\/api\/(system|organization)\//;
const quietMs = 1_000;

/** Writes refused admin calls (401, 403) into the audit log; of the same caller and route at most one a second, lest refusals become a way to fill the disk. */
@Injectable()
export class RefusedCalls {
  private readonly log = new Logger(RefusedCalls.name);
  private readonly lastAt = new Map<string, number>();

  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Never fails the request over it: the refusal stands, and the log tells that the record is missing. */
  async note(request: FastifyRequest, principal: Principal | null, problem: Problem): Promise<void> {
    const route = `${request.method} ${request.routeOptions.url}`;
    if (![401, 403].includes(problem.status) || !adminRoutes.test(request.routeOptions.url ?? '')) return;
    // anonymous callers share one allowance: addresses are cheap to come by
    if (!this.isDue(`${principal?.id ?? 'anonymous'} ${route}`)) return;
    const entry = {
      action: 'call.refused',
      details: { route, code: problem.code },
      address: request.ip,
      traceId: request.id,
    };
    try {
      await (principal
        ? this.database.withOrganization(principal.organizationId, (tx) => recordRefusal(tx, principal, entry))
        : this.database.withoutOrganization((tx) => recordRefusal(tx, null, entry)));
    } catch (error) {
      this.log.error(`a refused call of ${route} is missing from the audit log: ${(error as Error).message}`);
    }
  }

  private isDue(key: string): boolean {
    const now = this.clock.now();
    if (now - (this.lastAt.get(key) ?? -Infinity) < quietMs) return false;
    if (this.lastAt.size >= 10_000) this.lastAt.clear();
    this.lastAt.set(key, now);
    return true;
  }
}
