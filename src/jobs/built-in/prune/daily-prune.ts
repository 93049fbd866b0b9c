import { Inject, Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { JobClient } from '@carillon/job-engine';
import { Database } from '../../../platform/database/index.js';
import { PROCESS_ROLES, type ProcessRoles } from '../../../platform/platform.module.js';

/** Every process with a worker asks; the unique key makes one job a day of it. It belongs to the organisation of the first administrator. */
@Injectable()
export class DailyPrune {
  private readonly log = new Logger(DailyPrune.name);

  constructor(
    private readonly database: Database,
    private readonly client: JobClient,
    @Inject(PROCESS_ROLES) private readonly roles: ProcessRoles,
  ) {}

  @Cron(CronExpression.EVERY_DAY_AT_3AM)
  async enqueue(): Promise<void> {
    if (!this.roles.worker) return;
    try {
      const { rows } = await this.database.engine.query<{ id: string }>(
        `select m.organization_id as id from users u join memberships m on m.user_id = u.id
          where u.is_system_admin order by u.created_at, u.id limit 1`,
      );
      if (rows[0])
        await this.client.enqueueGathered({
          organizationId: rows[0].id,
          jobType: 'jobs.prune',
          uniqueKey: 'daily',
          uniqueForSeconds: 12 * 3_600,
        });
    } catch (error) {
      this.log.warn(`jobs.prune could not be asked for, trying again tomorrow: ${(error as Error).message}`);
    }
  }
}
