import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { authEntities, AuthModule } from './auth/index.js';
import { DemoModule } from './demo/index.js';
import { importEntities, ImportsModule } from './imports/index.js';
import { jobEntities, JobsModule } from './jobs/index.js';
import { notificationEntities, NotificationsModule } from './notifications/index.js';
import { organizationEntities, OrganizationsModule } from './organizations/index.js';
import { AuditModule } from './platform/audit/index.js';
import { CachesModule } from './platform/caches/index.js';
import type { Config, DatabaseAddress } from './platform/config/index.js';
import { DatabaseModule } from './platform/database/index.js';
import { EventsModule } from './platform/events/index.js';
import { HealthModule } from './platform/health/health.module.js';
import { HttpModule } from './platform/http/http.module.js';
import { OutgoingHttpModule } from './platform/outgoing-http/index.js';
import { PlatformModule, type ProcessRoles } from './platform/platform.module.js';
import { QueueModule } from './platform/queue/index.js';

/** The whole house; which of its loops run is up to the process. */
@Module({})
export class AppModule {
  static forRoot(config: Config, address: DatabaseAddress, roles: ProcessRoles): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.forRoot(config, address, roles),
        DatabaseModule.forRoot([
          ...organizationEntities,
          ...jobEntities,
          ...authEntities,
          ...notificationEntities,
          ...importEntities,
        ]),
        QueueModule.forRoot(),
        CachesModule,
        OutgoingHttpModule,
        EventsModule,
        ScheduleModule.forRoot(),
        HttpModule,
        HealthModule,
        AuditModule,
        OrganizationsModule,
        JobsModule,
        AuthModule,
        NotificationsModule,
        ImportsModule,
        DemoModule,
      ],
    };
  }
}
