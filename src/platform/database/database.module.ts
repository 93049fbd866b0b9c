import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
} from '@nestjs/common';
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

/** Tells of connections that the server ended; not while we close, when the embedded server may be quicker than the last goodbye. */
class LostConnections {
  closing = false;
  private readonly log = new Logger('Database');

  readonly tell = (role: DatabaseRole) => (error: Error) => {
    if (!this.closing) this.log.warn(`${role} connection lost: ${error.message}`);
  };
}

@Module({})
export class DatabaseModule implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(ENGINE_POOL) private readonly enginePool: pg.Pool,
    private readonly lost: LostConnections,
  ) {}

  beforeApplicationShutdown(): void {
    this.lost.closing = true;
  }

  /** The loops have stopped by then (they end in beforeApplicationShutdown), so nobody misses the pool. */
  async onApplicationShutdown(): Promise<void> {
    await this.enginePool.end();
  }

  static forRoot(entities: Entities): DynamicModule {
    const lost = new LostConnections();
    return {
      module: DatabaseModule,
      global: true,
      imports: [
        TypeOrmModule.forRootAsync(
          source('default', 'carillon_app', entities, lost, (config) => config.database.poolSize),
        ),
        TypeOrmModule.forRootAsync(source('platform', 'carillon_platform', entities, lost, () => 3)),
      ],
      providers: [
        {
          provide: ENGINE_POOL,
          inject: [DATABASE_ADDRESS],
          useFactory: (address: DatabaseAddress) =>
            openPool(address, 'carillon_engine', 6, lost.tell('carillon_engine')),
        },
        { provide: LostConnections, useValue: lost },
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

function source(
  name: string,
  role: DatabaseRole,
  entities: Entities,
  lost: LostConnections,
  size: (config: Config) => number,
) {
  return {
    name,
    inject: [DATABASE_ADDRESS, CONFIG],
    useFactory: (address: DatabaseAddress, config: Config): DataSourceOptions => ({
      type: 'postgres',
      ...('url' in address ? { url: address.url } : { ...address, username: address.user }),
      applicationName: role,
      entities,
      synchronize: false,
      poolErrorHandler: lost.tell(role),
      extra: {
        max: size(config),
        options: connectionOptions(address, role).options,
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
      },
    }),
  };
}
