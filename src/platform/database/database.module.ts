import { type DynamicModule, Inject, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type pg from 'pg';
import type { DataSource, DataSourceOptions } from 'typeorm';
import { CONFIG, type Config, type DatabaseAddress } from '../config/index.js';
import { connectionOptions, openPool } from './connections.js';
import { Database } from './database.js';
import type { DatabaseRole } from './roles.js';

/** The address in use: the configured one, or that of the embedded server. */
export const DATABASE_ADDRESS = Symbol('DatabaseAddress');
const ENGINE_POOL = Symbol('EnginePool');
type Entities = (new () => object)[];

@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(ENGINE_POOL) private readonly enginePool: pg.Pool) {}

  /** The loops have stopped by then (they end in beforeApplicationShutdown), so nobody misses the pool. */
  async onApplicationShutdown(): Promise<void> {
    await this.enginePool.end();
  }

  static forRoot(entities: Entities): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      imports: [
        TypeOrmModule.forRootAsync(source('default', 'carillon_app', entities, (config) => config.database.poolSize)),
        TypeOrmModule.forRootAsync(source('platform', 'carillon_platform', entities, () => 3)),
      ],
      providers: [
        {
          provide: ENGINE_POOL,
          inject: [DATABASE_ADDRESS],
          useFactory: (address: DatabaseAddress) => {
            const log = new Logger('Database');
            return openPool(address, 'carillon_engine', 6, (error) =>
              log.warn(`engine connection lost: ${error.message}`),
            );
          },
        },
        {
          provide: Database,
          inject: [getDataSourceToken(), getDataSourceToken('platform'), ENGINE_POOL],
          useFactory: (app: DataSource, platform: DataSource, engine: pg.Pool) => new Database(app, platform, engine),
        },
      ],
      exports: [Database],
    };
  }
}

function source(name: string, role: DatabaseRole, entities: Entities, size: (config: Config) => number) {
  return {
    name,
    inject: [DATABASE_ADDRESS, CONFIG],
    useFactory: (address: DatabaseAddress, config: Config): DataSourceOptions => ({
      type: 'postgres',
      ...('url' in address ? { url: address.url } : { ...address, username: address.user }),
      applicationName: role,
      entities,
      synchronize: false,
      poolErrorHandler: (error: Error) => new Logger('Database').warn(`${role} connection lost: ${error.message}`),
      extra: {
        max: size(config),
        options: connectionOptions(address, role).options,
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
      },
    }),
  };
}
