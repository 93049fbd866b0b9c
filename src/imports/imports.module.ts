import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { JobsModule } from '../jobs/index.js';
import { CONFIG } from '../platform/config/index.js';
import { DatasetDrafts } from './dataset-draft.js';
import { DatasetReader } from './dataset-reader.js';
import { DatasetsController } from './datasets.controller.js';
import { ExportDataset } from './export-dataset.js';
import { ImportDataset } from './import-dataset.js';
import { ImportIntake } from './import-intake.js';
import { ImportsController } from './imports.controller.js';
import { openStorage, STORAGE } from './storage/index.js';
import { StorageSweep } from './storage-sweep.js';

@Module({
  imports: [JobsModule],
  controllers: [ImportsController, DatasetsController],
  providers: [
    { provide: STORAGE, inject: [CONFIG], useFactory: openStorage },
    DatasetDrafts,
    DatasetReader,
    ImportIntake,
    ImportDataset,
    ExportDataset,
    StorageSweep,
  ],
  exports: [ImportIntake],
})
export class ImportsModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  /** The adapter registers the plugin before it listens; without one (a command) there is nothing to upload to. */
  onModuleInit(): void {
    const adapter = this.host.httpAdapter as FastifyAdapter | undefined;
    adapter?.useMultipart();
  }
}
