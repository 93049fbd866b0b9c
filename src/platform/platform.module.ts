import { type DynamicModule, Module } from '@nestjs/common';
import { CLOCK, systemClock } from './clock/clock.js';
import { CONFIG, type Config, type DatabaseAddress } from './config/index.js';
import { DATABASE_ADDRESS } from './database/index.js';

/** Which loops this process runs besides (or instead of) answering requests. */
export interface ProcessRoles {
  api: boolean;
  worker: boolean;
}
export const PROCESS_ROLES = Symbol('ProcessRoles');

/** What every room may ask for: configuration, clock, the address of the database, the roles of this process. */
@Module({})
export class PlatformModule {
  static forRoot(config: Config, address: DatabaseAddress, roles: ProcessRoles): DynamicModule {
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: CLOCK, useValue: systemClock },
      { provide: DATABASE_ADDRESS, useValue: address },
      { provide: PROCESS_ROLES, useValue: roles },
    ];
    return { module: PlatformModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
